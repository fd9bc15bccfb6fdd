import { type FormEvent, type ReactNode, useState } from 'react';
import { type ApiError, execute } from './api/client';
import { ShopDocument } from './api/generated/graphql';
import { signIn, signOut } from './api/session';

/** The form that asks for a token. */
export function SignIn({ onDone }: { onDone(): void }): ReactNode {
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState('');

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    signIn(token.trim());
    try {
      await execute(ShopDocument, {});
      onDone();
    } catch (error) {
      signOut();
      const { code, message } = error as ApiError;
      setProblem(code === 'UNAUTHENTICATED' ? "This token isn't valid." : message);
    }
  }

  return (
    <form className="sign-in" onSubmit={submit}>
      <p>
        Enter an API token for your shop. Your administrator can create one:{' '}
        <code>
          segments token create --shop NAME --scopes segments:read,segments:write,contacts:read
        </code>
      </p>
      <label htmlFor="token">Token</label>
      <input
        id="token"
        type="password"
        // biome-ignore lint/a11y/noAutofocus: the form has no other input
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
      <p className="hint">The token stays in this tab until you close it or sign out.</p>
    </form>
  );
}
