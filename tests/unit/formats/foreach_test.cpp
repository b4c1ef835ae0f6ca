#include "parsed.hpp"

namespace baton {
namespace {

using test::after_of;
using test::ids_of;
using test::node_of;
using test::parsed;
using test::source_of;
using test::Texts;

Texts ids_over(const std::string& values) {
  return ids_of(parsed("{baton: 1, nodes: {t: {run: x, foreach: {i: " + values + "}}}}"));
}

TEST(Foreach, a_range_counts_its_last_value) {
  EXPECT_EQ(ids_over("{range: [1, 3, 1]}"), (Texts{"t[1]", "t[2]", "t[3]"}));
  EXPECT_EQ(ids_over("{range: [1, 3]}"), (Texts{"t[1]", "t[2]", "t[3]"}));
  EXPECT_EQ(ids_over("{range: [0, 10, 4]}"), (Texts{"t[0]", "t[4]", "t[8]"}));
  EXPECT_EQ(ids_over("{range: [2, -2, -2]}"), (Texts{"t[2]", "t[0]", "t[-2]"}));
  EXPECT_EQ(ids_over("{range: [5, 5, 7]}"), (Texts{"t[5]"}));
}

TEST(Foreach, a_range_of_decimals_adds_up_as_a_person_would) {
  EXPECT_EQ(ids_over("{range: [0.1, 0.5, 0.1]}"), (Texts{"t[0.1]", "t[0.2]", "t[0.3]", "t[0.4]", "t[0.5]"}));
  EXPECT_EQ(ids_over("{range: [1, 2, 0.5]}"), (Texts{"t[1.0]", "t[1.5]", "t[2.0]"}));
}

TEST(Foreach, a_range_that_leads_away_is_empty) { EXPECT_EQ(ids_over("{range: [1, 0, 1]}"), Texts{}); }

TEST(Foreach, values_stand_in_ids_without_quotes) {
  EXPECT_EQ(ids_over("[a b, é, '', 1.0, true, null, [1, x], {k: v}]"),
            (Texts{"t[a b]", "t[é]", "t[]", "t[1.0]", "t[true]", "t[null]", R"(t[[1,"x"]])", R"(t[{"k":"v"}])"}));
}

TEST(Foreach, several_variables_are_their_product_and_the_last_runs_fastest) {
  const auto project = parsed("{baton: 1, nodes: {t: {run: x, foreach: {a: [1, 2], b: [x, y, z]}}}}");

  EXPECT_EQ(ids_of(project), (Texts{"t[1,x]", "t[1,y]", "t[1,z]", "t[2,x]", "t[2,y]", "t[2,z]"}));
  EXPECT_EQ(node_of(project, "t[2,x]").foreach,
            (std::vector<std::pair<std::string, core::Value>>{{"a", {"2"}}, {"b", {"\"x\""}}}));
}

/// A grid of producers, and readers of every kind.
constexpr std::string_view grid = R"(baton: 1
nodes:
  grid: { run: x, foreach: { a: [1, 2], b: [x, y] }, outputs: { o: { file: o } } }
  line: { run: x, foreach: { b: [y, x] }, outputs: { o: { value: integer } } }
  same: { run: x, foreach: { b: [x, y], a: [1, 2] }, inputs: { i: { from: grid.o } } }
  part: { run: x, foreach: { a: [1, 2], b: [x, y] }, inputs: { i: { from: line.o } } }
  row:  { run: x, foreach: { a: [1, 2] }, inputs: { i: { from: "grid[${foreach.a},*].o" } } }
  column: { run: x, foreach: { c: [y] }, inputs: { i: { from: "grid[*, ${foreach.c}].o" } } }
  all:  { run: x, inputs: { i: { from: "grid[*].o" } } }
  both: { run: x, inputs: { i: { from: "grid[*,*].o" } } }
  one:  { run: x, inputs: { i: { from: "grid[2,x].o" }, j: { from: "grid[2,*].o" } } }
)";

TEST(Foreach, the_same_variables_are_read_task_by_task_by_name) {
  const auto project = parsed(grid);

  EXPECT_EQ(source_of(project, "same[x,1]", "i"), "grid[1,x].o");
  EXPECT_EQ(source_of(project, "same[y,1]", "i"), "grid[1,y].o");
  EXPECT_EQ(source_of(project, "same[x,2]", "i"), "grid[2,x].o");
}

TEST(Foreach, a_reader_may_have_more_variables_and_another_order_of_values) {
  const auto project = parsed(grid);

  EXPECT_EQ(source_of(project, "part[1,x]", "i"), "line[x].o");
  EXPECT_EQ(source_of(project, "part[2,y]", "i"), "line[y].o");
}

TEST(Foreach, one_axis_can_be_gathered) {
  const auto project = parsed(grid);

  EXPECT_EQ(source_of(project, "row[2]", "i"), "[grid[2,x].o grid[2,y].o]");
  EXPECT_EQ(source_of(project, "column[y]", "i"), "[grid[1,y].o grid[2,y].o]");
}

TEST(Foreach, a_star_gathers_all_in_the_order_of_foreach) {
  const auto project = parsed(grid);

  EXPECT_EQ(source_of(project, "all", "i"), "[grid[1,x].o grid[1,y].o grid[2,x].o grid[2,y].o]");
  EXPECT_EQ(source_of(project, "both", "i"), source_of(project, "all", "i"));
}

TEST(Foreach, one_task_can_be_named_by_its_values) {
  const auto project = parsed(grid);

  EXPECT_EQ(source_of(project, "one", "i"), "grid[2,x].o");
  EXPECT_EQ(source_of(project, "one", "j"), "[grid[2,x].o grid[2,y].o]");
}

TEST(Foreach, after_waits_for_all_or_task_by_task_or_for_what_the_brackets_say) {
  const auto project = parsed(R"(baton: 1
nodes:
  a: { run: x, foreach: { s: [1, 2] } }
  g: { run: x, foreach: { s: [1, 2], t: [x, y] } }
  same:  { run: x, foreach: { s: [1, 2] }, after: [a] }
  other: { run: x, foreach: { z: [1, 2] }, after: [a] }
  none:  { run: x, after: [a, "a[1]", qc] }
  all:   { run: x, foreach: { s: [1, 2] }, after: ["a[*]"] }
  axis:  { run: x, foreach: { s: [1, 2] }, after: ["g[${foreach.s},*]"] }
  qc:    { run: x }
)");

  EXPECT_EQ(after_of(project, "same[2]"), (Texts{"a[2]"}));
  EXPECT_EQ(after_of(project, "other[2]"), (Texts{"a[1]", "a[2]"}));
  EXPECT_EQ(after_of(project, "none"), (Texts{"a[1]", "a[2]", "qc"}));
  EXPECT_EQ(after_of(project, "all[1]"), (Texts{"a[1]", "a[2]"}));
  EXPECT_EQ(after_of(project, "axis[2]"), (Texts{"g[2,x]", "g[2,y]"}));
}

TEST(Foreach, ids_may_hold_dots_and_links_still_find_them) {
  const auto project = parsed(R"(baton: 1
nodes:
  a.b: { run: x, foreach: { s: ["1.5"] }, outputs: { o.p: { file: o } } }
  c.d: { run: x, outputs: { o: { file: o } } }
  r: { run: x, inputs: { i: { from: "a.b[*].o.p" }, j: { from: c.d.o }, k: { from: "a.b[1.5].o.p" } }, after: [c.d] }
)");

  EXPECT_EQ(source_of(project, "r", "i"), "[a.b[1.5].o.p]");
  EXPECT_EQ(source_of(project, "r", "j"), "c.d.o");
  EXPECT_EQ(source_of(project, "r", "k"), "a.b[1.5].o.p");
  EXPECT_EQ(after_of(project, "r"), (Texts{"c.d"}));
}

TEST(Foreach, a_value_with_a_comma_can_be_named_where_it_is_the_only_variable) {
  const auto project = parsed(R"(baton: 1
nodes:
  a: { run: x, foreach: { s: ["x,y", z] }, outputs: { o: { file: o } } }
  r: { run: x, inputs: { i: { from: "a[x,y].o" } } }
)");

  EXPECT_EQ(source_of(project, "r", "i"), "a[x,y].o");
}

TEST(Foreach, nothing_to_run_over_is_no_task_and_may_be_waited_for) {
  const auto project = parsed("{baton: 1, nodes: {a: {run: x, foreach: {s: []}}, b: {run: x, after: [a]}}}");

  EXPECT_EQ(ids_of(project), (Texts{"b"}));
  EXPECT_EQ(after_of(project, "b"), Texts{});
}

TEST(Foreach, exactly_as_many_tasks_as_allowed_are_allowed) { EXPECT_EQ(ids_over("{range: [1, 100000]}").size(), 100'000U); }

}  // namespace
}  // namespace baton
