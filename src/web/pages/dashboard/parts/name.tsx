import { isBlank, printable } from "../data/names";

/** Names beside each other; missing ones are left out. */
export function Names({ texts }: { texts: readonly (string | null)[] }) {
  return (
    <>
      {texts
        .filter((text) => text !== null)
        .map((text, n) => (
          <>
            {n > 0 && " · "}
            <Name text={text} />
          </>
        ))}
    </>
  );
}

/** A name: isolated from the direction of the text around it, with control characters as escapes. */
export function Name({ text }: { text: string }) {
  return isBlank(text) ? <span class="unnamed">{printable(text)}</span> : <bdi>{printable(text)}</bdi>;
}
