/** Goes through the places of a tour: runs to the next one, and back to the one before. */
import { DebuggerError } from '../../error.ts';
import type { Debugger, Rest, StopOptions, StopTarget } from '../../types.ts';
import { TourError, type Tour, type TourPlace } from './parse.ts';

interface ParsedStop {
  readonly target: StopTarget;
  readonly options: StopOptions;
}

export interface TourPlayer {
  readonly tour: Tour;
  /** the place where the tour is; -1 before the first */
  at: number;
  /** by place: where execution was when it had been reached and its keys had been pressed */
  readonly positions: number[];
  /** where a stop of the viewer's has held up the way to the next place: it goes on from there */
  detour: number | undefined;
  /** by place */
  readonly stops: readonly ParsedStop[];
}

const placeName = ({ file }: Tour, { line, heading }: TourPlace): string => `${file}:${line}: ${heading}`;

/** @throws {TourError} a stop that is none */
export function createTourPlayer(tour: Tour, session: Debugger): TourPlayer {
  const stops = tour.places.map((place) => {
    try {
      return session.parseStop(place.stop);
    } catch (error) {
      if (!(error instanceof DebuggerError)) throw error;
      throw new TourError(`${placeName(tour, place)}: stop: ${place.stop}: ${error.message}`);
    }
  });
  return { tour, at: -1, positions: [], detour: undefined, stops };
}

/** On the way to a place. */
export interface Approach {
  /** At most `budget` instructions on. */
  advance(budget: number): Rest;
  /** It is at rest for good: at the place, which is the tour's now, or at a stop of the viewer's. TourError: elsewhere. */
  end(rest: Rest): void;
  /** Gives up. */
  abandon(): void;
}

/** To the next place, from the present one wherever one has been since. @throws {TourError | DebuggerError} */
export function approachNext(player: TourPlayer, session: Debugger): Approach {
  const { tour, at } = player;
  const place = tour.places[at + 1];
  if (place === undefined) throw new TourError(`${tour.file}: this is the last place of the tour`);
  const position = player.detour ?? player.positions[at];
  if (position !== undefined && session.rest.instruction > position) session.goTo(position);
  const { target, options } = player.stops[at + 1]!;
  let id: number;
  try {
    ({ id } = session.addStop(target, { ...options, once: true }));
  } catch (error) {
    if (!(error instanceof DebuggerError)) throw error;
    throw new TourError(`${placeName(tour, place)}: stop: ${place.stop}: ${error.message}`);
  }
  const abandon = (): void => {
    if (session.stops.some((stop) => stop.id === id)) session.removeStop(id);
  };
  return {
    abandon,
    advance: (budget) => session.continue({ budget }),
    end(rest) {
      if (rest.stop?.id === id) {
        player.at++;
        player.detour = undefined;
        return;
      }
      abandon();
      if (rest.reason === 'stopped') player.detour = rest.instruction;
      if (rest.reason === 'stopped' || rest.reason === 'interrupted') return;
      throw new TourError(`${placeName(tour, place)}: not reached: ${place.stop}: ${rest.text}`);
    },
  };
}

/** To the place before. @throws {TourError | DebuggerError} */
export function goBack(player: TourPlayer, session: Debugger): Rest {
  const position = player.positions[player.at - 1];
  if (player.at < 1 || position === undefined) {
    throw new TourError(`${player.tour.file}: there is no place before this one`);
  }
  const rest = session.goTo(position);
  player.at--;
  player.detour = undefined;
  return rest;
}
