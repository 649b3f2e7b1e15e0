/**
 * The snapshot as the last member of an object, with the comma before it; '' when there is none or it has no JSON form.
 * @throws whatever its `toJSON` throws
 */
export function snapshotMember(snapshot: unknown): string {
  if (snapshot === undefined) return '';
  // As a property of an object, so that its `toJSON` is told its name, and what has no JSON form is left out.
  const json = JSON.stringify({ snapshot });
  return json === '{}' ? '' : `,${json.slice(1, -1)}`;
}
