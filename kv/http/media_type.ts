/** The one media type that a body may have. */

/** `application/json`, in any case, with no parameter but `charset=utf-8`. */
export function isJsonType(contentType: string): boolean {
  if (contentType === 'application/json') return true;
  const [type, charset, ...rest] = contentType.toLowerCase().split(';');
  if (type?.trim() !== 'application/json' || rest.length > 0) return false;
  return charset === undefined || /^\s*charset=("utf-8"|utf-8)\s*$/.test(charset);
}
