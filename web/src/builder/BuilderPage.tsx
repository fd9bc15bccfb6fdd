/** The page on which a segment is built. */

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import {
  useBlocker,
  useLocation,
  useNavigate,
  useNavigationType,
  useParams,
  useSearchParams,
} from 'react-router';
import type { ApiError } from '../api/client';
import { ask } from '../api/client';
import {
  CriteriaDocument,
  SegmentDuplicateDocument,
  type ShopQuery,
} from '../api/generated/graphql';
import type { Criteria } from '../rule/metadata';
import { changeRow, fromRule, sameRule, toDraft } from '../rule/rule';
import type { Problems } from '../rule/values';
import { useLiveSize } from '../size/useLiveSize';
import { Dialog } from '../ui/Dialog';
import { Failed, Loading } from '../ui/states';
import { BuilderBar } from './BuilderBar';
import { Conflict } from './Conflict';
import { EditorContext } from './context';
import { Members } from './Members';
import { Requests } from './Requests';
import { RuleEditor } from './RuleEditor';
import { SizePanel } from './SizePanel';
import { type Kept, NOTHING_REFUSED, sorted, useSave, type Wanted } from './useSave';
import { type Beginning, beginning, useBeginning } from './useSegment';

/** What an address may say: that it is of what was edited before it. */
interface Going {
  goesOn?: boolean;
}

/** What is at the address; a segment that was new and is saved gets its address as it is. */
export function BuilderPage({ shop }: { shop: ShopQuery['shop'] }): ReactNode {
  const { key, state } = useLocation();
  const { id } = useParams();
  const template = useSearchParams()[0].get('template');
  const there = { at: key, id, template };
  const [opened, setOpened] = useState({ number: 0, ...there });
  // Who comes back to such an address opens it anew.
  const goesOn = useNavigationType() !== 'POP' && (state as Going | null)?.goesOn;
  if (opened.at !== key) {
    setOpened(goesOn ? { ...opened, at: key } : { number: opened.number + 1, ...there });
  }
  return (
    <Opened
      key={opened.number}
      shop={shop}
      opened={`${opened.number} ${opened.id} ${opened.template}`}
      id={opened.id}
      template={opened.template}
    />
  );
}

interface OpenedProps {
  shop: ShopQuery['shop'];
  opened: string;
  id: string | undefined;
  template: string | null;
}

function Opened({ shop, opened, id, template }: OpenedProps): ReactNode {
  const criteria = useQuery({
    queryKey: ['criteria'],
    queryFn: async ({ signal }) => {
      const found = await ask(CriteriaDocument, {}, signal);
      return new Map(found.criteria.map((criterion) => [criterion.key, criterion]));
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
  const begun = useBeginning(opened, id, template);
  // Taking what somebody else saved begins again with it.
  const [taken, setTaken] = useState<Beginning | null>(null);
  const from = taken ?? begun.data;
  const error = criteria.error ?? begun.error;
  if (error) {
    const again = () => Promise.all([criteria.refetch(), begun.refetch()]);
    return <Failed error={error as ApiError} addressed={!criteria.error} onRetry={again} />;
  }
  if (!criteria.data || !from) return <Loading />;
  return (
    <Builder
      key={`${from.saved?.id} ${from.saved?.version}`}
      shop={shop}
      criteria={criteria.data}
      from={from}
      onTake={setTaken}
    />
  );
}

const SAVED = 'Saved.';

const NONE: ReadonlyMap<string, Problems> = new Map();
const NOBODY: ReadonlySet<string> = new Set();

interface BuilderProps {
  shop: ShopQuery['shop'];
  criteria: Criteria;
  from: Beginning;
  onTake(beginning: Beginning): void;
}

function Builder({ shop, criteria, from, onTake }: BuilderProps): ReactNode {
  const navigate = useNavigate();
  const client = useQueryClient();
  const [name, setName] = useState(from.name);
  const [description, setDescription] = useState(from.description);
  const [root, setRoot] = useState(() => fromRule(from.rule));
  // What was unfinished when somebody tried to save.
  const [attempt, setAttempt] = useState<ReadonlySet<string> | null>(null);
  const [said, setSaid] = useState('');
  const [copying, setCopying] = useState(false);
  const draft = useMemo(() => toDraft(root, criteria), [root, criteria]);
  const size = useLiveSize(draft);
  const saver = useSave();
  const { saving, refused, theirs } = saver;
  // An error is of the rule that was asked about, which is this one until something changes.
  const uncounted = size.error && !size.pending ? sorted([size.error], draft).rows : NONE;
  const nameless = attempt !== null && !name.trim();
  const unmended = [...(attempt ?? [])].some((id) => draft.unfinished.has(id));
  const form = useRef<HTMLFormElement>(null);
  const here = useRef(true);

  const { saved } = from;
  // What is saved, written as the editor writes it, so that the two can be compared.
  const [begun] = useState(() => ({ ...from, rule: toDraft(fromRule(from.rule), criteria).rule }));
  const [kept, setKept] = useState<Kept | null>(saved && { ...saved, rule: begun.rule });
  const readOnly = Boolean(saved?.isDefault);
  const before = kept ?? begun;
  const changed =
    name !== before.name ||
    description !== before.description ||
    draft.unfinished.size > 0 ||
    !sameRule(draft.rule, before.rule);
  const blocker = useBlocker(({ nextLocation, historyAction }) => {
    const going: Going | null = historyAction === 'POP' ? null : nextLocation.state;
    return changed && !readOnly && !going?.goesOn;
  });

  useEffect(() => {
    here.current = true;
    return () => {
      here.current = false;
    };
  }, []);

  // What somebody wanted to leave has been saved meanwhile.
  useEffect(() => {
    if (blocker.state === 'blocked' && !changed) blocker.proceed();
  }, [blocker, changed]);

  // With what is shown, not a moment later.
  useLayoutEffect(() => {
    if (!changed || readOnly) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [changed, readOnly]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: whatever is edited
  useEffect(saver.forgive, [root, name, description]);

  useEffect(() => {
    document.title = `${name || 'New segment'} · Segments`;
  }, [name]);

  // Where something is wrong is where to go on.
  useEffect(() => {
    if (attempt === null && refused === NOTHING_REFUSED) return;
    const wrong = '[aria-invalid="true"], .group.wrong > .group-actions > .add';
    form.current?.querySelector<HTMLElement>(wrong)?.focus();
  }, [attempt, refused]);

  async function save(work: (wanted: Wanted) => Promise<Kept | null>, called = name) {
    if (saving) return;
    setSaid('');
    if (!called.trim() || draft.unfinished.size > 0) {
      setAttempt(new Set(draft.unfinished.keys()));
      return;
    }
    setAttempt(null);
    const now = await work({ name: called, description, draft });
    void client.invalidateQueries({ queryKey: ['segments'] });
    if (!now || !here.current) return;
    setKept(now);
    setSaid(SAVED);
    if (now.id !== kept?.id) {
      setName((current) => (current === name ? called : current));
      const going: Going = { goesOn: true };
      navigate(`/segments/${now.id}`, { state: going, replace: kept === null });
    }
  }

  function says(): string {
    if (nameless) return 'Not saved.';
    if (unmended) return 'Finish what is marked, or remove it.';
    if (changed && !readOnly && (said === SAVED || !said)) return 'Not saved yet.';
    return said;
  }

  async function duplicate(id: string): Promise<void> {
    if (copying) return;
    setCopying(true);
    try {
      const { segmentDuplicate } = await ask(SegmentDuplicateDocument, { id });
      if (segmentDuplicate.segment) navigate(`/segments/${segmentDuplicate.segment.id}`);
      else setSaid(segmentDuplicate.userErrors.map(({ message }) => message).join(' '));
    } catch (error) {
      setSaid((error as ApiError).message);
    } finally {
      setCopying(false);
    }
  }

  return (
    <EditorContext
      value={{
        criteria,
        shop,
        draft,
        size,
        pointedOut: attempt ?? NOBODY,
        refused: refused.rows.size > 0 ? refused.rows : uncounted,
        readOnly,
        changeRow: (id, change) => setRoot((current) => changeRow(current, id, change)),
      }}
    >
      <form
        ref={form}
        className="builder"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save((wanted) => (kept ? saver.update(wanted, kept) : saver.create(wanted)));
        }}
        onKeyDown={(event) => {
          // Enter picks and adds; it does not save from within an input.
          const within = event.target instanceof HTMLInputElement;
          if (event.key === 'Enter' && within) event.preventDefault();
        }}
      >
        <BuilderBar
          title={kept ? `Segment: ${name}` : 'New segment'}
          name={name}
          onName={setName}
          nameProblem={refused.name ?? (nameless ? 'Give the segment a name.' : null)}
          description={description}
          onDescription={setDescription}
          descriptionProblem={refused.description}
          readOnly={readOnly}
        >
          <span role="status" className={refused.other ? 'problem' : 'hint'}>
            {refused.other ?? says()}
          </span>
          {kept && (
            <button
              type="button"
              disabled={changed && !readOnly}
              title={changed && !readOnly ? 'Save first: what is saved is copied.' : undefined}
              onClick={() => duplicate(kept.id)}
            >
              Duplicate
            </button>
          )}
          {!readOnly && (
            <button type="submit" className="primary" aria-disabled={saving || undefined}>
              {saving ? 'Saving…' : 'Save'}
            </button>
          )}
        </BuilderBar>
        {readOnly && (
          <p className="notice">
            This is a default segment: every shop has it, so nobody can edit, archive or delete it.
            Duplicate it to make one of your own.
          </p>
        )}
        {saved?.archived && saved.id === kept?.id && (
          <p className="notice">This segment is archived. The list has a way to take it back.</p>
        )}
        {saved?.version === kept?.version &&
          saved?.problems.map((problem) => (
            <p key={problem.message} className="notice problem">
              {problem.message}
            </p>
          ))}
        <div className="columns">
          <section className="panel" aria-labelledby="rule-heading">
            <div className="rule-bar">
              <h2 id="rule-heading">Who is in it</h2>
              <span className="hint">
                Days begin at midnight in {shop.timezone}; amounts are in {shop.currency}.
              </span>
            </div>
            <RuleEditor root={root} onChange={setRoot} />
          </section>
          <aside>
            <SizePanel size={size} retry={size.retry} />
          </aside>
        </div>
        <Members root={root} />
        <Requests rule={draft.rule} />
      </form>
      {theirs && (
        <Conflict
          theirs={theirs}
          mine={{
            name,
            description,
            summary: size.pending || size.error ? '…' : (size.size?.parts[0]?.summary ?? '…'),
          }}
          onClose={saver.close}
          onKeepMine={() => void save((wanted) => saver.replace(wanted, theirs))}
          onCopy={() => void save(saver.create, `${name} (copy)`)}
          onTakeTheirs={() => onTake(beginning(theirs))}
        />
      )}
      {blocker.state === 'blocked' && (
        <Dialog title="Leave without saving?" onClose={() => blocker.reset()}>
          <p>What you changed is not saved, and would be lost.</p>
          <div className="actions">
            <button type="button" onClick={() => blocker.proceed()}>
              Leave
            </button>
            <button type="button" className="primary" data-first onClick={() => blocker.reset()}>
              Stay
            </button>
          </div>
        </Dialog>
      )}
    </EditorContext>
  );
}
