/** The topics of the subscribe storm, the same for every server: rooms by number. */
export const STORM_PATH = '/storm';
export const TOPICS = 1000;

export function roomName(index) {
  return `room.${String(index % TOPICS).padStart(4, '0')}`;
}
