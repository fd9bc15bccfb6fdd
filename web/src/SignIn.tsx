import { type FormEvent, type ReactNode, useState } from 'react';
import { type ApiError, ask } from './api/client';
import { ShopDocument } from './api/generated/graphql';
import { signIn, signOut } from './api/session';

/** Asks for a token; it is kept for as long as the tab is open. */
export function SignIn({ onDone }: { onDone(): void }): ReactNode {
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState('');

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    signIn(token.trim());
    try {
      await ask(ShopDocument, {});
      onDone();
    } catch (error) {
      signOut();
      const { code, message } = error as ApiError;
      setProblem(code === 'UNAUTHENTICATED' ? 'This token is not valid.' : message);
    }
  }

  return (
    <form className="sign-in" onSubmit={submit}>
      <p>
        With a token of your shop that may read segments and contacts, and write segments:{' '}
        <code>
          segments token create --shop NAME --scopes segments:read,segments:write,contacts:read
        </code>
      </p>
      <label htmlFor="token">Token</label>
      <input
        id="token"
        type="password"
        // biome-ignore lint/a11y/noAutofocus: there is nothing else to do here
        autoFocus
        autoComplete="off"
        required
        value={token}
        aria-invalid={Boolean(problem) || undefined}
        aria-describedby="token-problem"
        onChange={(event) => setToken(event.target.value)}
      />
      <p id="token-problem" className="problem" role="alert">
        {problem}
      </p>
      <button type="submit" className="primary">
        Sign in
      </button>
      <p className="hint">It is kept in this tab only, until you close it or sign out.</p>
    </form>
  );
}
