import { createContext, useContext } from 'react';
import type { ShopQuery } from '../api/generated/graphql';
import type { Criteria } from '../rule/metadata';
import type { Draft, Row } from '../rule/rule';
import type { Problems } from '../rule/values';
import type { SizeState } from '../size/liveSize';

/** What the components of the editor share. */
export interface Editor {
  criteria: Criteria;
  shop: ShopQuery['shop'];
  draft: Draft;
  size: SizeState;
  /** Ids of the rows and groups that were unfinished when the user tried to save. */
  flagged: ReadonlySet<string>;
  /** The server's errors by row id and by the path of the input. */
  serverProblems: ReadonlyMap<string, Problems>;
  readOnly: boolean;
  changeRow(id: string, change: Partial<Row>): void;
}

export const EditorContext = createContext<Editor | null>(null);

export function useEditor(): Editor {
  const editor = useContext(EditorContext);
  if (!editor) throw new Error('useEditor must be used inside an EditorContext.');
  return editor;
}
