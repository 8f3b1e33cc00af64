"""series.js: what the browser makes of appended fragments."""

import pytest

APPEND = """async ([known, first, count, raw]) => {
  const {append} = await import("/assets/now/series.js");
  const part = (first, count) => ({
    total: first + count, raw: true, odd: [],
    columns: {
      step: Float64Array.from({length: count}, (_, i) => first + i),
      last: Float32Array.from({length: count}, (_, i) => (first + i === 4 ? NaN : 0.5)),
      count: new Uint32Array(count).fill(1),
    },
  });
  const block = part(0, known);
  const odd = first <= 4 && first + count > 4 ? [{row: 4 - first, nan: 1, inf: 0, ninf: 0}] : [];
  const result = append(block, {...part(first, count), raw, odd});
  return [result, [...block.columns.step], block.total, block.odd.map((one) => one.row)];
}"""


@pytest.mark.parametrize(
    ("known", "first", "count", "raw", "expected"),
    [
        (3, 3, 2, True, ["ok", [0, 1, 2, 3, 4], 5, [4]]),
        (3, 3, 2, False, ["ok", [0, 1, 2, 3, 4], 5, [4]]),
        (3, 1, 3, True, ["ok", [0, 1, 2, 3], 4, []]),  # two of them are there already
        (5, 3, 3, True, ["ok", [0, 1, 2, 3, 4, 5], 6, []]),  # what is not finite was counted before
        (3, 1, 3, False, ["gap", [0, 1, 2], 3, []]),
        (3, 4, 2, True, ["gap", [0, 1, 2], 3, []]),
        (3, 1, 2, True, ["seen", [0, 1, 2], 3, []]),
    ],
)
def test_appending_leaves_neither_gap_nor_double_point(page, dashboard, known, first, count, raw, expected):
    page.goto(dashboard)
    assert page.evaluate(APPEND, [known, first, count, raw]) == expected
