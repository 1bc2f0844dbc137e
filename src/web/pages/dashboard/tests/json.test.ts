import { expect, test } from "vitest";
import { count } from "../data/format";
import { ExactNumber, parse, parseRecords, print } from "../data/json";

test.each([
  "9007199254740993",
  "-9007199254740993",
  "18446744073709551615",
  "123456789012345678901234567890",
  "1.0",
  "1",
  "-0",
  "-0.0",
  "1e400",
  "1E2",
  "0.1234567890123456789",
  "5e-324",
])("%s prints as it was written", (number) => {
  for (const text of [number, `[${number}]`, `{"a":{"1":${number}}}`]) {
    expect(print(parse(text), "compact")).toBe(text);
  }
});

test.each(['"a\\"b"', "null", "true", "[]", "{}", '{"a":[1,"x",null,{"b":[]}]}'])(
  "%s is printed as JSON",
  (text) => {
    expect(print(parse(text), "compact")).toBe(text);
    expect(print(parse(text), "indented")).toBe(JSON.stringify(JSON.parse(text), null, 2));
  },
);

test("pages compute with numbers, and show those that JavaScript cannot hold exactly", () => {
  const text = '{"count":9007199254740993,"mean_ns":2.0,"events":[{"count":7}],"data":{"count":2.0}}';
  // biome-ignore lint/suspicious/noExplicitAny: the shape is in the text.
  const record = parseRecords(text) as any;
  expect(count(record.count)).toBe("9,007,199,254,740,993");
  expect(record.count > 1).toBe(true);
  expect(record.mean_ns).toBe(2);
  expect(record.events[0].count).toBe(7);
  expect(record.data.count).toBeInstanceOf(ExactNumber);
  expect(print(record.data, "compact")).toBe('{"count":2.0}');
});

test.each(["1.0-2.0", "01.0", "[1.0", '{"a":1.0,}', "1.", "+1.0", '"a\nb" 1.0', ""])(
  "%j is not JSON",
  (text) => {
    expect(() => parse(text)).toThrow();
  },
);

test("numbers in strings are text", () => {
  const text = '{"a":"1.0 \\" 9007199254740993","1.0":2.0}';
  expect(print(parse(text), "compact")).toBe(text);
});

test("a key that JavaScript treats specially is a key", () => {
  const text = '{"__proto__":1,"constructor":{"a":2.0}}';
  expect(print(parseRecords(`{"data":${text}}`), "compact")).toBe(`{"data":${text}}`);
});
