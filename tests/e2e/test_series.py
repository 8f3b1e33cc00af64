"""series.js: what the browser makes of what is new."""

import pytest

JOIN = """async ([known, from, first, last, total, raw]) => {
  const {join} = await import("/assets/now/series.js");
  const part = (first, last) => ({
    raw: true, odd: first <= 4 && last >= 4 ? [{row: 4 - first, nan: 1, inf: 0, ninf: 0}] : [],
    columns: {
      step: Float64Array.from({length: last - first + 1}, (_, i) => first + i),
      last: Float32Array.from({length: last - first + 1}, (_, i) => (first + i === 4 ? NaN : first + i)),
      count: new Uint32Array(last - first + 1).fill(1),
    },
  });
  const block = {...part(0, known - 1), total: known};
  const result = join(block, {...part(first, last), from, total, raw});
  return [result, [...block.columns.step], block.total, block.odd.map((one) => one.row)];
}"""


@pytest.mark.parametrize(
    ("known", "from_step", "first", "last", "total", "raw", "expected"),
    [
        (3, 2, 2, 4, 5, True, ["ok", [0, 1, 2, 3, 4], 5, [4]]),
        (3, 1, 1, 3, 4, True, ["ok", [0, 1, 2, 3], 4, []]),  # told from an earlier row on
        (5, 4, 4, 5, 6, True, ["ok", [0, 1, 2, 3, 4, 5], 6, [4]]),  # what is not finite is counted once
        (3, 4, 4, 5, 6, True, ["gap", [0, 1, 2], 3, []]),
        (3, 2, 2, 4, 9, True, ["gap", [0, 1, 2], 3, []]),  # something came before it
        (3, 2, 2, 4, 5, False, ["gap", [0, 1, 2], 3, []]),  # buckets do not go on from points
        (3, 1, 1, 2, 3, True, ["seen", [0, 1, 2], 3, []]),
    ],
)
def test_joining_leaves_neither_gap_nor_double_point(
    page, dashboard, known, from_step, first, last, total, raw, expected
):
    page.goto(dashboard)
    assert page.evaluate(JOIN, [known, from_step, first, last, total, raw]) == expected
