/** The editor of a rule: react-querybuilder's tree of groups and rows, rendered by our components. */

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
import { useEditor } from './context';
import { MatchCount } from './MatchCount';
import { focusGroup, RowForm } from './RowForm';

/** The deepest level of a group. The API allows ten levels and counts each NOT as one. */
const MAX_LEVEL = 8;

function RuleRow(props: RuleProps): ReactNode {
  const rule = useRule(props);
  return <RowForm row={rule.rule as unknown as Row} onRemove={() => rule.removeRule()} />;
}

function RuleGroup(props: RuleGroupProps): ReactNode {
  const editor = useEditor();
  const group = useRuleGroup(props);
  const node = group.ruleGroup as unknown as Group;
  const level = group.path.length;
  const name = level === 0 ? 'All conditions' : `Group ${group.path.map((n) => n + 1).join('.')}`;
  const problem = editor.draft.unfinished.get(node.id)?.get('rules');
  const invalid = problem !== undefined && editor.flagged.has(node.id);
  const serverProblem = editor.serverProblems.get(node.id)?.get('');
  return (
    <fieldset
      className={`group ${node.combinator} ${node.not ? 'not' : ''} ${invalid ? 'invalid' : ''}`}
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
        <span className="group-summary">{summary(node)}</span>
        {level > 0 && <MatchCount id={node.id} />}
        {level > 0 && !editor.readOnly && (
          <button
            type="button"
            className="icon"
            aria-label={`Remove ${name.toLowerCase()}`}
            title="Remove group"
            onClick={(event) => {
              focusGroup(event.currentTarget);
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
          <p className={invalid ? 'problem' : 'empty'}>{problem ?? emptyText(node)}</p>
        )}
        {serverProblem && <p className="problem">{serverProblem}</p>}
      </div>
      {!editor.readOnly && (
        <div className="group-actions">
          <button type="button" className="add" onClick={() => group.addRule()}>
            + Add condition
          </button>
          {level < MAX_LEVEL && (
            <button type="button" className="add" onClick={() => group.addGroup()}>
              + Add group
            </button>
          )}
        </div>
      )}
    </fieldset>
  );
}

function summary({ combinator, not, rules }: Group): string {
  if (rules.length === 1) {
    return not ? "Contacts who don't match this" : 'Contacts who match this';
  }
  if (combinator === 'or') {
    return not ? 'Contacts who match none of these' : 'Contacts who match any of these';
  }
  return not ? 'Contacts who miss at least one of these' : 'Contacts who match all of these';
}

function emptyText({ not }: Group): string {
  return not ? 'No conditions: no contacts match' : 'No conditions yet: all contacts match';
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
