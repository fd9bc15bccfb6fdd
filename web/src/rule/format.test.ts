import { describe, expect, it } from 'vitest';
import {
  countryName,
  currencySign,
  enumLabel,
  formatDate,
  formatDecimal,
  formatMoney,
  formatNumber,
  formatPercent,
  formatTime,
  midSentence,
} from './format';

describe('formatPercent', () => {
  it.each([
    [0, '0%'],
    [1, '100%'],
    [0.5, '50%'],
    [0.123, '12.3%'],
    [0.1234, '12.3%'],
    [0.001, '0.1%'],
    [0.999, '99.9%'],
  ])('formats %d as %s', (share, text) => {
    expect(formatPercent(share)).toBe(text);
  });

  it.each([1e-9, 0.0004, 0.00099])('does not round %d down to 0%', (share) => {
    expect(formatPercent(share)).toBe('<0.1%');
  });

  it.each([0.9991, 0.9996, 0.9999, 1 - 1e-9])('does not round %d up to 100%', (share) => {
    expect(formatPercent(share)).toBe('>99.9%');
  });
});

describe('formatting for people', () => {
  it('groups the digits of a number', () => {
    expect(formatNumber(0)).toBe('0');
    expect(formatNumber(1234567)).toBe('1,234,567');
  });

  it('groups the digits of a decimal, however large, and keeps its fraction', () => {
    expect(formatDecimal('50')).toBe('50');
    expect(formatDecimal('-1000.50')).toBe('-1,000.50');
    expect(formatDecimal('99999999999999.9999')).toBe('99,999,999,999,999.9999');
  });

  it('writes an amount with the sign of its currency, or with its code', () => {
    expect(formatMoney('1000.50', 'GBP')).toBe('£1,000.50');
    expect(formatMoney('0.5', 'EUR')).toBe('€0.50');
    expect(formatMoney('50', 'CHF')).toBe('CHF 50');
  });

  // In 2026, British Columbia stops putting its clocks back. Many browsers do not know.
  const vancouver = [
    { since: '1970-01-01T00:00:00Z', seconds: -28_800 },
    { since: '2025-11-02T09:00:00Z', seconds: -28_800 },
    { since: '2026-03-08T10:00:00Z', seconds: -25_200 },
  ];

  it('shows an instant with the offset that the shop has then', () => {
    expect(formatTime('2026-11-20T07:30:00Z', vancouver)).toBe('Nov 20, 2026, 00:30');
    expect(formatTime('2026-03-08T10:00:00.000Z', vancouver)).toBe('Mar 8, 2026, 03:00');
    expect(formatTime('2026-03-08T09:59:59.999Z', vancouver)).toBe('Mar 8, 2026, 01:59');
  });

  it('shows the date of an instant with the offset that the shop has then', () => {
    expect(formatDate('2026-11-20T07:30:00Z', vancouver)).toBe('Nov 20, 2026');
    expect(formatDate('2025-11-20T07:30:00Z', vancouver)).toBe('Nov 19, 2025');
    expect(formatDate('2024-05-01')).toBe('May 1, 2024');
  });

  it('turns enum values into words', () => {
    expect(enumLabel('NOT_SET')).toBe('Not set');
    expect(enumLabel('PURCHASES')).toBe('Purchases');
  });

  it('fits a label into a sentence', () => {
    expect(midSentence('Area codes')).toBe('area codes');
    expect(midSentence('VIPs')).toBe('VIPs');
    expect(midSentence('')).toBe('');
  });

  it('names a country by its code', () => {
    expect(countryName('FI')).toBe('Finland');
    expect(countryName('ZZZ')).toBe('ZZZ');
    expect(countryName('')).toBe('');
  });

  it('returns the sign of a currency, or its code', () => {
    expect(currencySign('GBP')).toBe('£');
    expect(currencySign('CAD')).toBe('$');
    expect(currencySign('CHF')).toBe('CHF');
  });
});
