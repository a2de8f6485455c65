/** Something about the lab that a person has to put right; the message says how. */
export class LabError extends Error {
  override name = 'LabError';
}
