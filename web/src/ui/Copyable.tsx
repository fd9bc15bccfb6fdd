/** Text to look at and to copy. */

import { type ReactNode, useState } from 'react';

export function Copyable({ label, text }: { label: string; text: string }): ReactNode {
  const [said, setSaid] = useState('');
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      setSaid('Copied.');
    } catch {
      setSaid('The browser does not let this page copy: select the text instead.');
    }
    setTimeout(() => setSaid(''), 3_000);
  }
  return (
    <div className="copyable">
      <div className="copyable-bar">
        <h3>{label}</h3>
        <span role="status">{said}</span>
        <button type="button" onClick={copy} aria-label={`Copy: ${label}`}>
          Copy
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard */}
      <section className="copyable-text" tabIndex={0} aria-label={label}>
        <pre>{text}</pre>
      </section>
    </div>
  );
}
