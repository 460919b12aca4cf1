/** Keys of a tour: the next place, the one before, the lecture and the panel that it points to. */
import { inTabs } from '../arrange.ts';
import { once, repeated, running } from '../motions.ts';
import { approachNext, goBack } from '../tour/player.ts';
import type { Motion, View } from '../view.ts';

export function nextPlace(view: View): Motion | undefined {
  const { tour, debugger: session } = view;
  if (tour === undefined) return repeated(view, 'stepping', 1, 'step', true);
  const approach = approachNext(tour, session);
  const motion = running(view, 'to the next place', (budget) => {
    const rest = approach.advance(budget);
    // the present again: the place may be beyond it
    return rest.reason === 'interrupted' ? approach.advance(budget) : rest;
  });
  return {
    name: motion.name,
    slice() {
      const { at } = tour;
      const rest = motion.slice();
      if (rest === undefined) return undefined;
      approach.end(rest);
      if (tour.at !== at) arrive(view);
      return rest;
    },
    abandon: approach.abandon,
  };
}

/** From the lecture to the panel that it points to, and back. */
export function lectureOrPanel(view: View): void {
  const show = view.tour?.tour.places[view.tour.at]?.show ?? 'source';
  if (view.tour !== undefined) view.tab = view.tab === 'tour' ? show : 'tour';
}

/** At a place of the tour: its panel comes to the front, its keys are pressed. */
function arrive(view: View): void {
  const { tour, debugger: session } = view;
  const place = tour?.tour.places[tour.at];
  if (tour === undefined || place === undefined) return;
  view.tab = 'tour';
  view.scroll.delete('tour');
  for (const key of place.keys) view.queue.push(() => view.press(key));
  view.queue.push(() => {
    tour.positions[tour.at] = session.rest.instruction;
    // beside the lecture where there is room for both
    if (place.show !== undefined && !inTabs(view, 'tour')) view.tab = place.show;
    view.message = undefined;
  });
}

export function previousPlace(view: View): Motion | undefined {
  const { tour, debugger: session } = view;
  if (tour === undefined) return undefined;
  return once('back', () => {
    const rest = goBack(tour, session);
    view.tab = 'tour';
    view.scroll.delete('tour');
    return rest;
  });
}
