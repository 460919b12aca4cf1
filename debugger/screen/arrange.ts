/** Which panels a view has, and where they stand at its size. */
import { layoutFor, panelNames, type Layout, type PanelName } from './layout.ts';
import type { View } from './view.ts';

export const shownPanels = ({ tour }: View): readonly PanelName[] =>
  tour === undefined ? panelNames.filter((name) => name !== 'tour') : panelNames;

/** The layout of the present size; undefined: too small for any. */
export const layoutOf = (view: View): Layout | undefined => layoutFor(view.columns, view.rows, shownPanels(view));

/** Which of the tabs is in front. */
export function frontTab(view: View, layout: Layout): PanelName | undefined {
  const tabs = layout.tabs?.panels ?? [];
  return tabs.includes(view.tab) ? view.tab : tabs[0];
}

/** A panel has no place of its own at this size. */
export const inTabs = (view: View, panel: PanelName): boolean => layoutOf(view)?.tabs?.panels.includes(panel) ?? false;
