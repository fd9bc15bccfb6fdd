/** The editor of a rule: groups of rows, by react-querybuilder; how they look is ours. */

import type { ReactNode } from 'react';
import {
  QueryBuilder,
  RuleGroupBodyComponents,
  type RuleGroupProps,
  type RuleGroupType,
  type RuleProps,
  useRule,
  useRuleGroup,
} from 'react-querybuilder';
import { emptyGroup, type Group, newId, newRow, type Row } from '../rule/rule';
import { Count } from './Count';
import { useEditor } from './context';
import { focusOnGroup, RowForm } from './RowForm';

/** Groups within each other; the API takes rules ten deep, with NOT counted as one. */
const MAX_LEVELS = 8;

function RuleRow(props: RuleProps): ReactNode {
  const rule = useRule(props);
  return <RowForm row={rule.rule as unknown as Row} onRemove={() => rule.removeRule()} />;
}

function RuleGroup(props: RuleGroupProps): ReactNode {
  const editor = useEditor();
  const group = useRuleGroup(props);
  const node = group.ruleGroup as unknown as Group;
  const level = group.path.length;
  const name = level === 0 ? 'The whole rule' : `Group ${group.path.map((n) => n + 1).join('.')}`;
  const problem = editor.draft.unfinished.get(node.id)?.get('rules');
  const lacking = problem !== undefined && editor.pointedOut.has(node.id);
  const refused = editor.refused.get(node.id)?.get('');
  return (
    <fieldset
      className={`group ${node.combinator} ${node.not ? 'not' : ''} ${lacking ? 'wrong' : ''}`}
      data-level={level}
      data-node={node.id}
    >
      <legend className="visually-hidden">{name}</legend>
      <div className="group-bar">
        <fieldset className="segmented">
          <legend className="visually-hidden">{name}: combine with</legend>
          {(['and', 'or'] as const).map((combinator) => (
            <label key={combinator}>
              <input
                type="radio"
                name={`combinator ${node.id}`}
                checked={node.combinator === combinator}
                disabled={editor.readOnly}
                onChange={() => group.onCombinatorChange(combinator)}
              />
              <span>{combinator.toUpperCase()}</span>
            </label>
          ))}
        </fieldset>
        <label className="toggle">
          <input
            type="checkbox"
            checked={Boolean(node.not)}
            disabled={editor.readOnly}
            onChange={(event) => group.onNotToggleChange(event.target.checked)}
          />
          <span>NOT</span>
        </label>
        <span className="group-says">{says(node)}</span>
        {level > 0 && <Count id={node.id} />}
        {level > 0 && !editor.readOnly && (
          <button
            type="button"
            className="icon"
            aria-label={`Remove ${name.toLowerCase()}`}
            title="Remove the group"
            onClick={(event) => {
              focusOnGroup(event.currentTarget);
              group.removeGroup();
            }}
          >
            ×
          </button>
        )}
      </div>
      <div className="group-body">
        <RuleGroupBodyComponents {...group} />
        {node.rules.length === 0 && (
          <p className={lacking ? 'problem' : 'empty'}>{problem ?? empty(node)}</p>
        )}
        {refused && <p className="problem">{refused}</p>}
      </div>
      {!editor.readOnly && (
        <div className="group-actions">
          <button type="button" className="add" onClick={() => group.addRule()}>
            + Add criterion
          </button>
          {level < MAX_LEVELS && (
            <button type="button" className="add" onClick={() => group.addGroup()}>
              + Add group
            </button>
          )}
        </div>
      )}
    </fieldset>
  );
}

function says({ combinator, not, rules }: Group): string {
  if (rules.length === 1) return not ? 'Those who do not match this' : 'Those who match this';
  if (combinator === 'or') return not ? 'Those who match none of these' : 'Those who match any';
  return not ? 'Those who miss at least one of these' : 'Those who match all';
}

function empty({ not }: Group): string {
  return not ? 'No criteria: nobody matches this.' : 'No criteria yet: everyone matches this.';
}

const controls = { rule: RuleRow, ruleGroup: RuleGroup };

interface RuleEditorProps {
  root: Group;
  onChange(root: Group): void;
}

export function RuleEditor({ root, onChange }: RuleEditorProps): ReactNode {
  const { readOnly } = useEditor();
  return (
    <QueryBuilder
      query={root as unknown as RuleGroupType}
      onQueryChange={(query) => onChange(query as unknown as Group)}
      controlElements={controls as never}
      idGenerator={newId}
      enableMountQueryChange={false}
      autoSelectField={false}
      autoSelectOperator={false}
      addRuleToNewGroups
      showNotToggle
      disabled={readOnly}
      onAddRule={() => newRow() as never}
      onAddGroup={() => ({ ...emptyGroup(), rules: [newRow()] }) as never}
    />
  );
}
