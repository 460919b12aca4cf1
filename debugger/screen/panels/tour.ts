/** The lecture: the paragraph of the place where the tour is. */
import { line, span, type Line } from '../style.ts';
import { printable } from '../../../lib/printable.ts';
import { wrap } from '../text/width.ts';
import type { Panel } from './panel.ts';

const narrowest = 10;

export const tourPanel: Panel = {
  name: 'tour',
  title({ tour }) {
    if (tour === undefined) return '';
    const { at, tour: lecture } = tour;
    return at < 0 ? printable(lecture.title) : `${at + 1} of ${lecture.places.length}`;
  },
  lines({ tour }, columns) {
    if (tour === undefined) return [];
    const { at, tour: lecture } = tour;
    const place = lecture.places[at];
    const paragraphs = place === undefined ? lecture.introduction : place.paragraphs;
    const text = paragraphs.flatMap((paragraph, n): Line[] => [
      ...(n === 0 ? [] : [line('')]),
      ...wrap(printable(paragraph), Math.max(narrowest, columns)).map((part) => line(part)),
    ]);
    const heading = place === undefined ? lecture.title : place.heading;
    return [[span(printable(heading), 'strong')], ...text];
  },
};
