/** An input with a list to pick from, as the pattern "combobox" of ARIA has it. */

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
  /** What a screen reader calls it. */
  label: string;
  /** What the input shows while nobody types. */
  text: string;
  /** What is offered for what was typed; nothing while it is looked up. */
  choices: readonly Item[];
  onSearch(search: string): void;
  onPick(choice: Item): void;
  /** Where any text goes: what was typed, at each key. */
  onType?: (text: string) => void;
  /** Where any text can be added: by Enter. */
  onEnter?: (text: string) => void;
  /** Where several can be added: the lines of what is pasted. */
  onPaste?: (lines: readonly string[]) => void;
  onOpen?: (open: boolean) => void;
  /** Whether what is offered is still of what was typed before. */
  stale?: boolean;
  placeholder?: string;
  busy?: boolean;
  disabled?: boolean;
  invalid?: boolean;
  describedBy?: string | undefined;
  /** What is said when nothing is offered. */
  nothing?: string;
  id?: string;
  autoFocus?: boolean;
  onBackspace?: () => void;
}

export function Picker<Item extends Choice>(props: PickerProps<Item>): ReactNode {
  const { choices, text, onType, onEnter } = props;
  const [typed, setTyped] = useState<string | null>(null);
  // The list opens with a key, before that key has been drawn.
  const latest = useRef<string | null>(null);
  const own = useId();
  const {
    isOpen,
    getInputProps,
    getMenuProps,
    getItemProps,
    highlightedIndex,
    setHighlightedIndex,
    closeMenu,
  } = useCombobox<Item>({
    items: choices as Item[],
    inputId: props.id ?? own,
    inputValue: typed ?? text,
    selectedItem: null,
    itemToString: (item) => item?.label ?? '',
    itemToKey: (item) => item?.value,
    initialIsOpen: props.autoFocus ?? false,
    defaultHighlightedIndex: onType || onEnter ? -1 : 0,
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

  function keep(text: string | null): void {
    latest.current = text;
    setTyped(text);
  }

  function type(text: string): void {
    setWaiting(null);
    keep(text);
    props.onSearch(text);
    onType?.(text);
  }

  function pick(choice: Item): void {
    keep(null);
    props.onSearch('');
    props.onPick(choice);
  }

  // A list that came later does not keep the place of the one before.
  const offered = JSON.stringify(choices.map(({ value }) => value));
  // biome-ignore lint/correctness/useExhaustiveDependencies: only when what is offered changes
  useEffect(() => {
    if (isOpen) setHighlightedIndex(onType || onEnter ? -1 : 0);
  }, [offered]);

  /** What was typed as it is offered, if it is. */
  function meant(): Item | undefined {
    const text = typed?.trim().toLowerCase();
    return choices.find(({ value, label }) =>
      [value, label].some((own) => own.toLowerCase() === text),
    );
  }

  /** Takes what was typed; where it was a search for names, what was found first. */
  function enter(): void {
    if (!typed?.trim()) return;
    const named = choices.some(({ value, label }) => value !== label);
    const first = onType || (onEnter && !named) ? undefined : choices[0];
    const choice = meant() ?? first;
    if (choice) {
      pick(choice);
    } else if (onEnter) {
      onEnter(typed.trim());
      keep('');
      props.onSearch('');
    }
  }

  /** Leaves the input: part of what is offered was only a search. */
  function leave(): void {
    if (meant() || choices.length === 0) enter();
    keep(null);
  }

  // Who types faster than the shop is asked means what is offered for it in the end.
  const [waiting, setWaiting] = useState<'enter' | 'leave' | null>(null);
  const moves = useRef({ enter, leave });
  moves.current = { enter, leave };
  useEffect(() => {
    if (!waiting || props.stale) return;
    setWaiting(null);
    moves.current[waiting]();
  }, [waiting, props.stale]);

  function onceKnown(move: 'enter' | 'leave'): void {
    if (props.stale && typed?.trim()) setWaiting(move);
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
          // At once: what downshift reports comes too late for who types fast.
          onChange: (event) => type(event.currentTarget.value),
          onBlur: () => afterClick(() => onceKnown('leave')),
          onPaste: (event) => {
            const lines = event.clipboardData.getData('text').split(/[\r\n\t]+/);
            const filled = lines.map((line) => line.trim()).filter(Boolean);
            if (!props.onPaste || filled.length < 2) return;
            event.preventDefault();
            props.onPaste(filled);
          },
          onKeyDown: (event) => {
            const highlighted = isOpen ? choices[highlightedIndex] : undefined;
            if (event.key === 'Enter' && highlighted && !props.stale) {
              // At once, as typing.
              Object.assign(event.nativeEvent, { preventDownshiftDefault: true });
              pick(highlighted);
              closeMenu();
              return;
            }
            if (event.key === 'Escape' && !onType) keep(null);
            if (event.key === 'Enter') {
              Object.assign(event.nativeEvent, { preventDownshiftDefault: true });
              onceKnown('enter');
            }
            if (event.key === 'Enter' && onType) closeMenu();
            if (event.key === 'Backspace' && !event.currentTarget.value) props.onBackspace?.();
          },
        })}
        // biome-ignore lint/a11y/noAutofocus: only in a row that somebody has just added
        autoFocus={props.autoFocus}
      />
      <ul {...getMenuProps({ 'aria-label': props.label })} className="menu" hidden={!isOpen}>
        {isOpen &&
          choices.map((choice, index) => {
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
        {isOpen && choices.length === 0 && (
          <li className="menu-nothing" role="presentation">
            {props.busy ? 'Looking…' : (props.nothing ?? 'Nothing found.')}
          </li>
        )}
      </ul>
    </div>
  );
}
