/** What every part of the editor needs. */

import { createContext, useContext } from 'react';
import type { ShopQuery } from '../api/generated/graphql';
import type { Criteria } from '../rule/metadata';
import type { Draft, Row } from '../rule/rule';
import type { Problems } from '../rule/values';
import type { SizeState } from '../size/liveSize';

export interface Editor {
  criteria: Criteria;
  shop: ShopQuery['shop'];
  draft: Draft;
  size: SizeState;
  /** Rows and groups, by their ids, of which what is missing is pointed out: since saving failed. */
  pointedOut: ReadonlySet<string>;
  /** What the server said is wrong, by the ids of rows and the paths of their inputs. */
  refused: ReadonlyMap<string, Problems>;
  readOnly: boolean;
  changeRow(id: string, change: Partial<Row>): void;
}

export const EditorContext = createContext<Editor | null>(null);

export function useEditor(): Editor {
  const editor = useContext(EditorContext);
  if (!editor) throw new Error('This is a part of the editor.');
  return editor;
}
