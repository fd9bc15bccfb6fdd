/** An input with a list to pick from, by ARIA's combobox pattern. */

import { useCombobox } from 'downshift';
import { type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { afterClick } from './pointer';

export interface Choice {
  value: string;
  label: string;
  description?: string;
  group?: string;
}

interface PickerProps<Item extends Choice> {
  /** The accessible name of the input and of the list. */
  label: string;
  /** What the input shows while the user does not type. */
  text: string;
  /** The choices for the text that was typed. */
  choices: readonly Item[];
  onSearch(search: string): void;
  onPick(choice: Item): void;
  /** Accepts any text: called with every change of the input. */
  onType?: (text: string) => void;
  /** Accepts any text: called when the user adds what was typed. */
  onAdd?: (text: string) => void;
  /** Accepts several values: called with the lines of a pasted text. */
  onPaste?: (lines: readonly string[]) => void;
  onOpen?: (open: boolean) => void;
  /** Whether `choices` still belong to an earlier text. */
  stale?: boolean;
  placeholder?: string;
  busy?: boolean;
  disabled?: boolean;
  invalid?: boolean;
  describedBy?: string | undefined;
  /** Returns what the list says about a text without choices. */
  emptyText?: (search: string) => string;
  id?: string;
  autoFocus?: boolean;
  /** Called when Backspace is pressed in the empty input. */
  onBackspace?: () => void;
}

export function Picker<Item extends Choice>(props: PickerProps<Item>): ReactNode {
  const { choices, text, onType, onAdd } = props;
  const acceptsAnyText = Boolean(onType || onAdd);
  const [typed, setTyped] = useState<string | null>(null);
  // The first key opens the list before React has rendered that key.
  const latest = useRef<string | null>(null);
  const ownId = useId();
  const search = typed?.trim() ?? '';
  const settled = !props.busy && !props.stale;
  const useAnyway: Choice | null =
    onAdd && search && choices.length === 0 && settled
      ? { value: search, label: 'Use it anyway' }
      : null;
  const items: readonly Choice[] = useAnyway ? [useAnyway] : choices;
  const {
    isOpen,
    getInputProps,
    getMenuProps,
    getItemProps,
    highlightedIndex,
    setHighlightedIndex,
    closeMenu,
  } = useCombobox<Choice>({
    items: items as Choice[],
    inputId: props.id ?? ownId,
    inputValue: typed ?? text,
    selectedItem: null,
    itemToString: (item) => item?.label ?? '',
    itemToKey: (item) => item?.value,
    initialIsOpen: props.autoFocus ?? false,
    defaultHighlightedIndex: acceptsAnyText ? -1 : 0,
    onSelectedItemChange: ({ selectedItem }) => {
      if (selectedItem) pick(selectedItem);
    },
    onIsOpenChange: ({ isOpen: open }) => {
      props.onOpen?.(open);
      if (open) props.onSearch(latest.current ?? '');
    },
    stateReducer: (_, { changes, type }) =>
      // Leaving the input picks nothing.
      type === useCombobox.stateChangeTypes.InputBlur
        ? { ...changes, selectedItem: null }
        : changes,
  });

  function setText(text: string | null): void {
    latest.current = text;
    setTyped(text);
  }

  function type(text: string): void {
    setWaiting(null);
    setText(text);
    props.onSearch(text);
    onType?.(text);
  }

  function pick(choice: Choice): void {
    if (useAnyway) {
      add(search);
      return;
    }
    setText(null);
    props.onSearch('');
    props.onPick(choice as Item);
  }

  function add(text: string): void {
    onAdd?.(text);
    setText('');
    props.onSearch('');
  }

  // New choices start without the highlight of the earlier ones.
  const values = JSON.stringify(items.map(({ value }) => value));
  // biome-ignore lint/correctness/useExhaustiveDependencies: only when the choices change
  useEffect(() => {
    if (isOpen) setHighlightedIndex(acceptsAnyText ? -1 : 0);
  }, [values]);

  function exactMatch(): Item | undefined {
    const text = search.toLowerCase();
    return choices.find(({ value, label }) =>
      [value, label].some((name) => name.toLowerCase() === text),
    );
  }

  /** Take what was typed; when it was a search by label, take the first choice. */
  function enter(): void {
    if (!search) return;
    const haveLabels = choices.some(({ value, label }) => value !== label);
    const first = onType || (onAdd && !haveLabels) ? undefined : choices[0];
    const choice = exactMatch() ?? first;
    if (choice) pick(choice);
    else if (onAdd) add(search);
  }

  /** Leave the input; drop a text that was only a search. */
  function leave(): void {
    if (exactMatch() || choices.length === 0) enter();
    setText(null);
  }

  // A user who types faster than choices arrive means the choices for the final text.
  const [waiting, setWaiting] = useState<'enter' | 'leave' | null>(null);
  const moves = useRef({ enter, leave });
  moves.current = { enter, leave };
  useEffect(() => {
    if (!waiting || props.stale) return;
    setWaiting(null);
    moves.current[waiting]();
  }, [waiting, props.stale]);

  function whenSettled(move: 'enter' | 'leave'): void {
    if (props.stale && search) setWaiting(move);
    else moves.current[move]();
  }

  let group: string | undefined;
  return (
    <div className="picker">
      <input
        {...getInputProps({
          'aria-label': props.label,
          'aria-labelledby': undefined,
          'aria-invalid': props.invalid || undefined,
          'aria-describedby': props.describedBy,
          'aria-busy': props.busy || undefined,
          placeholder: props.placeholder,
          disabled: props.disabled,
          autoComplete: 'off',
          spellCheck: false,
          // Directly: downshift reports a change too late for a fast typist.
          onChange: (event) => type(event.currentTarget.value),
          onBlur: () => afterClick(() => whenSettled('leave')),
          onPaste: (event) => {
            const lines = event.clipboardData.getData('text').split(/[\r\n\t]+/);
            const filled = lines.map((line) => line.trim()).filter(Boolean);
            if (!props.onPaste || filled.length < 2) return;
            event.preventDefault();
            props.onPaste(filled);
          },
          onKeyDown: (event) => {
            const highlighted = isOpen ? items[highlightedIndex] : undefined;
            if (event.key === 'Enter' && highlighted && !props.stale) {
              // Directly, for the same reason as onChange.
              Object.assign(event.nativeEvent, { preventDownshiftDefault: true });
              pick(highlighted);
              closeMenu();
              return;
            }
            if (event.key === 'Escape' && !onType) setText(null);
            if (event.key === 'Enter') {
              Object.assign(event.nativeEvent, { preventDownshiftDefault: true });
              whenSettled('enter');
            }
            if (event.key === 'Enter' && onType) closeMenu();
            if (event.key === 'Backspace' && !event.currentTarget.value) props.onBackspace?.();
          },
        })}
        // biome-ignore lint/a11y/noAutofocus: only in a row that the user has just added
        autoFocus={props.autoFocus}
      />
      <ul {...getMenuProps({ 'aria-label': props.label })} className="menu" hidden={!isOpen}>
        {isOpen && choices.length === 0 && (
          <li className="menu-empty" role="presentation">
            {props.busy ? 'Searching…' : (props.emptyText?.(search) ?? 'No matches')}
          </li>
        )}
        {isOpen &&
          items.map((choice, index) => {
            const heading = choice.group !== group ? choice.group : undefined;
            group = choice.group;
            return [
              heading && (
                <li key={`group ${heading}`} className="menu-group" role="presentation">
                  {heading}
                </li>
              ),
              <li
                key={choice.value}
                {...getItemProps({ item: choice, index })}
                className={index === highlightedIndex ? 'menu-item highlighted' : 'menu-item'}
              >
                <span>{choice.label}</span>
                {choice.description && (
                  <span className="menu-description">{choice.description}</span>
                )}
              </li>,
            ];
          })}
      </ul>
    </div>
  );
}
