import { describe, expect, it } from 'vitest';
import { countryName, currencySign, inDays, inNumbers, inPercent, inTime, inWords } from './words';

describe('a share', () => {
  it.each([
    [0, '0%'],
    [1, '100%'],
    [0.5, '50%'],
    [0.123, '12.3%'],
    [0.1234, '12.3%'],
    [0.001, '0.1%'],
    [0.999, '99.9%'],
  ])('of %d is %s', (share, words) => {
    expect(inPercent(share)).toBe(words);
  });

  it.each([1e-9, 0.0004, 0.00099])('of %d, which is not nothing, is not 0%', (share) => {
    expect(inPercent(share)).toBe('<0.1%');
  });

  it.each([0.9991, 0.9996, 0.9999, 1 - 1e-9])('of %d, which is not all, is not 100%', (share) => {
    expect(inPercent(share)).toBe('>99.9%');
  });
});

describe('words for people', () => {
  it('group the digits of a number', () => {
    expect(inNumbers(0)).toBe('0');
    expect(inNumbers(1234567)).toBe('1,234,567');
  });

  it('tell an instant in the time zone of the shop', () => {
    expect(inTime('2024-05-01T23:30:00Z', 'Europe/London')).toBe('May 2, 2024, 00:30');
    expect(inTime('2024-05-01T23:30:00Z', 'America/New_York')).toBe('May 1, 2024, 19:30');
  });

  it('tell the day of an instant in the time zone of the shop', () => {
    expect(inDays('2024-05-01T23:30:00Z', 'UTC')).toBe('May 1, 2024');
    expect(inDays('2024-05-01T23:30:00Z', 'Asia/Tokyo')).toBe('May 2, 2024');
  });

  it('are made of names', () => {
    expect(inWords('NOT_SET')).toBe('Not set');
    expect(inWords('PURCHASES')).toBe('Purchases');
  });

  it('name a country', () => {
    expect(countryName('FI')).toBe('Finland');
    expect(countryName('ZZZ')).toBe('ZZZ');
    expect(countryName('')).toBe('');
  });

  it('have the sign of a currency, or its code', () => {
    expect(currencySign('GBP')).toBe('£');
    expect(currencySign('CAD')).toBe('$');
    expect(currencySign('CHF')).toBe('CHF');
  });
});
