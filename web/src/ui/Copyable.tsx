import { type ReactNode, useState } from 'react';
import { midSentence } from '../rule/format';

/** Milliseconds for which the outcome of copying is shown. */
const OUTCOME = 3_000;

/** A block of text with a button that copies it. */
export function Copyable({ label, text }: { label: string; text: string }): ReactNode {
  const [outcome, setOutcome] = useState('');
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      setOutcome('Copied');
    } catch {
      setOutcome('Your browser blocked copying. Select the text and copy it yourself.');
    }
    setTimeout(() => setOutcome(''), OUTCOME);
  }
  return (
    <div className="copyable">
      <div className="copyable-bar">
        <h3>{label}</h3>
        <span role="status">{outcome}</span>
        <button type="button" onClick={copy} aria-label={`Copy ${midSentence(label)}`}>
          Copy
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: keyboard users must be able to scroll it */}
      <section className="copyable-text" tabIndex={0} aria-label={label}>
        <pre>{text}</pre>
      </section>
    </div>
  );
}
