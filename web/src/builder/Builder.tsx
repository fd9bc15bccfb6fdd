import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useBlocker, useNavigate } from 'react-router';
import { type ApiError, execute } from '../api/client';
import { SegmentDuplicateDocument, type ShopQuery } from '../api/generated/graphql';
import type { Criteria } from '../rule/metadata';
import { changeRow, fromRule, sameRule, toDraft } from '../rule/rule';
import type { Problems } from '../rule/values';
import { useLiveSize } from '../size/useLiveSize';
import { Dialog } from '../ui/Dialog';
import { BuilderBar } from './BuilderBar';
import { ConflictDialog } from './ConflictDialog';
import { EditorContext } from './context';
import { DeveloperPanel } from './DeveloperPanel';
import { Preview } from './Preview';
import { RuleEditor } from './RuleEditor';
import { SizePanel } from './SizePanel';
import { type InitialSegment, initialFromSaved } from './useInitialSegment';
import { type Edited, groupErrors, NO_ERRORS, type SavedVersion, useSave } from './useSave';

/** The state of a navigation: saving a new segment changes the URL but keeps the editor. */
export interface NavigationState {
  keepEditor?: boolean;
}

const SAVED = 'Saved';
const NO_ROWS: ReadonlyMap<string, Problems> = new Map();
const NO_IDS: ReadonlySet<string> = new Set();

interface BuilderProps {
  shop: ShopQuery['shop'];
  criteria: Criteria;
  initial: InitialSegment;
  onUseTheirs(theirs: InitialSegment): void;
}

/** The editor of one segment. */
export function Builder({ shop, criteria, initial, onUseTheirs }: BuilderProps): ReactNode {
  const { currency } = shop;
  const navigate = useNavigate();
  const client = useQueryClient();
  const [name, setName] = useState(initial.name);
  const [description, setDescription] = useState(initial.description);
  const [root, setRoot] = useState(() => fromRule(initial.rule));
  // What was unfinished when the user last tried to save; null before the first attempt.
  const [flagged, setFlagged] = useState<ReadonlySet<string> | null>(null);
  const [outcome, setOutcome] = useState('');
  const [duplicating, setDuplicating] = useState(false);
  const draft = useMemo(() => toDraft(root, criteria, currency), [root, criteria, currency]);
  const size = useLiveSize(draft);
  const saver = useSave();
  const { saving, errors, conflict } = saver;
  // While no change is pending, the size's error is about the current rule.
  const sizeProblems =
    size.error && !size.pending ? groupErrors([size.error], draft).rows : NO_ROWS;
  const nameMissing = flagged !== null && !name.trim();
  const stillUnfinished = [...(flagged ?? [])].some((id) => draft.unfinished.has(id));
  const form = useRef<HTMLFormElement>(null);
  const mounted = useRef(true);

  // The initial rule as the editor writes it, so that comparing it with the draft finds changes.
  const [start] = useState(() => ({
    ...initial,
    rule: toDraft(fromRule(initial.rule), criteria, currency).rule,
  }));
  const [saved, setSaved] = useState<SavedVersion | null>(
    initial.saved && { ...initial.saved, rule: start.rule },
  );
  const readOnly = Boolean(initial.saved?.isDefault);
  const before = saved ?? start;
  const changed =
    name !== before.name ||
    description !== before.description ||
    draft.unfinished.size > 0 ||
    !sameRule(draft.rule, before.rule);
  const blocker = useBlocker(({ nextLocation, historyAction }) => {
    const state: NavigationState | null = historyAction === 'POP' ? null : nextLocation.state;
    return changed && !readOnly && !state?.keepEditor;
  });

  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);

  // A save that finishes while the dialog asks leaves nothing to lose.
  useEffect(() => {
    if (blocker.state === 'blocked' && !changed) blocker.proceed();
  }, [blocker, changed]);

  // A layout effect, so that the browser never shows a change without asking about it.
  useLayoutEffect(() => {
    if (!changed || readOnly) return;
    const askToStay = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', askToStay);
    return () => window.removeEventListener('beforeunload', askToStay);
  }, [changed, readOnly]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: any edit clears the server's errors
  useEffect(saver.clearErrors, [root, name, description]);

  useEffect(() => {
    document.title = `${name || 'New segment'} · Segments`;
  }, [name]);

  // Move the focus to the first problem after a failed attempt to save.
  useEffect(() => {
    if (flagged === null && errors === NO_ERRORS) return;
    const problem = '[aria-invalid="true"], .group.invalid > .group-actions > .add';
    form.current?.querySelector<HTMLElement>(problem)?.focus();
  }, [flagged, errors]);

  async function save(send: (edited: Edited) => Promise<SavedVersion | null>, newName = name) {
    if (saving) return;
    setOutcome('');
    if (!newName.trim() || draft.unfinished.size > 0) {
      setFlagged(new Set(draft.unfinished.keys()));
      return;
    }
    setFlagged(null);
    const now = await send({ name: newName, description, draft });
    void client.invalidateQueries({ queryKey: ['segments'] });
    if (!now || !mounted.current) return;
    setSaved(now);
    setOutcome(SAVED);
    if (now.id !== saved?.id) {
      setName((current) => (current === name ? newName : current));
      const state: NavigationState = { keepEditor: true };
      navigate(`/segments/${now.id}`, { state, replace: saved === null });
    }
  }

  function status(): string {
    if (nameMissing) return 'Not saved';
    if (stillUnfinished) return 'Complete or remove the highlighted conditions';
    if (changed && !readOnly && (outcome === SAVED || !outcome)) return 'Unsaved changes';
    return outcome;
  }

  async function duplicate(id: string): Promise<void> {
    if (duplicating) return;
    setDuplicating(true);
    try {
      const { segmentDuplicate } = await execute(SegmentDuplicateDocument, { id });
      if (segmentDuplicate.segment) navigate(`/segments/${segmentDuplicate.segment.id}`);
      else setOutcome(segmentDuplicate.userErrors.map(({ message }) => message).join(' '));
    } catch (error) {
      setOutcome((error as ApiError).message);
    } finally {
      setDuplicating(false);
    }
  }

  return (
    <EditorContext
      value={{
        criteria,
        shop,
        draft,
        size,
        flagged: flagged ?? NO_IDS,
        serverProblems: errors.rows.size > 0 ? errors.rows : sizeProblems,
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
          void save((edited) => (saved ? saver.update(edited, saved) : saver.create(edited)));
        }}
        onKeyDown={(event) => {
          // Enter in an input picks or adds a value; it does not submit the form.
          const inInput = event.target instanceof HTMLInputElement;
          if (event.key === 'Enter' && inInput) event.preventDefault();
        }}
      >
        <BuilderBar
          title={saved ? `Segment: ${name}` : 'New segment'}
          name={name}
          onName={setName}
          nameProblem={errors.name ?? (nameMissing ? 'Enter a name' : null)}
          description={description}
          onDescription={setDescription}
          descriptionProblem={errors.description}
          readOnly={readOnly}
        >
          <span role="status" className={errors.other ? 'problem' : 'hint'}>
            {errors.other ?? status()}
          </span>
          {saved && (
            <button
              type="button"
              disabled={changed && !readOnly}
              title={changed && !readOnly ? 'Save your changes before duplicating' : undefined}
              onClick={() => duplicate(saved.id)}
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
            This is a default segment, so it can't be edited, archived or deleted. Duplicate it to
            make your own version.
          </p>
        )}
        {initial.saved?.archived && initial.saved.id === saved?.id && (
          <p className="notice">This segment is archived. You can restore it in the list.</p>
        )}
        {initial.saved?.version === saved?.version &&
          initial.saved?.problems.map((problem) => (
            <p key={problem.message} className="notice problem">
              {problem.message}
            </p>
          ))}
        <div className="columns">
          <section className="panel" aria-labelledby="rule-heading">
            <div className="rule-bar">
              <h2 id="rule-heading">Conditions</h2>
              <span className="hint">
                Time zone: {shop.timezone} · Currency: {currency}
              </span>
            </div>
            <RuleEditor root={root} onChange={setRoot} />
          </section>
          <aside>
            <SizePanel size={size} retry={size.retry} />
          </aside>
        </div>
        <Preview root={root} />
        <DeveloperPanel rule={draft.rule} />
      </form>
      {conflict && (
        <ConflictDialog
          theirs={conflict}
          mine={{
            name,
            description,
            summary: size.pending || size.error ? '…' : (size.size?.parts[0]?.summary ?? '…'),
          }}
          onClose={saver.closeConflict}
          onOverwrite={() => void save((edited) => saver.overwrite(edited, conflict))}
          onSaveCopy={() => void save(saver.create, `${name} (copy)`)}
          onUseTheirs={() => onUseTheirs(initialFromSaved(conflict))}
        />
      )}
      {blocker.state === 'blocked' && (
        <Dialog title="Leave without saving?" onClose={() => blocker.reset()}>
          <p>Your changes will be lost.</p>
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
