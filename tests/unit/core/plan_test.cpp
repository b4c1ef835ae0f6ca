#include "core/plan.hpp"

#include <gtest/gtest.h>

#include "support/projects.hpp"

namespace baton::core {
namespace {

using test::file;
using test::from;
using test::gather;
using test::literal;
using test::param;
using test::World;

using Names = std::vector<std::string>;
using Kinds = std::vector<ReasonKind>;
constexpr auto never_succeeded = ReasonKind::never_succeeded, definition_changed = ReasonKind::definition_changed,
               input_changed = ReasonKind::input_changed, output_missing = ReasonKind::output_missing,
               output_changed = ReasonKind::output_changed, upstream_runs = ReasonKind::upstream_runs,
               forced = ReasonKind::forced, not_cached = ReasonKind::not_cached;

Kinds kinds_of(const Reasons& reasons) {
  Kinds kinds;
  for (const auto& reason : reasons) kinds.push_back(reason.kind);
  return kinds;
}

/// a -> b -> c, all of them up to date.
World chain() {
  World world;
  world.node("a");
  world.node("b", {from("in", 0)});
  world.node("c", {from("in", 1)});
  world.succeed_all(3);
  return world;
}

TEST(Plan, of_what_is_up_to_date_is_empty) {
  const auto world = chain();
  const auto plan = world.plan();
  EXPECT_TRUE(plan.nodes.empty());
  EXPECT_EQ(plan.reasons, (std::vector<Reasons>(3)));
}

TEST(Plan, of_an_empty_project_is_empty) { EXPECT_TRUE(World().plan().nodes.empty()); }

TEST(Plan, runs_what_has_never_succeeded_and_all_that_read_it) {
  World world;
  world.node("c", {from("in", 1)});
  world.node("b", {from("in", 2)});
  world.node("a");
  const auto plan = world.plan();
  EXPECT_EQ(plan.nodes, (std::vector<Index>{2, 1, 0}));  // producers first
  EXPECT_EQ(plan.reasons[2], (Reasons{{never_succeeded, "", "it has never succeeded"}}));
  EXPECT_EQ(plan.reasons[1], (Reasons{{never_succeeded, "", "it has never succeeded"}, {upstream_runs, "in", "a runs"}}));
  EXPECT_EQ(kinds_of(plan.reasons[0]), (Kinds{never_succeeded, upstream_runs}));
}

TEST(Plan, runs_what_failed_last_though_it_had_succeeded_before) {
  auto world = chain();
  world.facts.history[1].state = State::failed;
  const auto plan = world.plan();
  EXPECT_EQ(plan.reasons[1], (Reasons{{never_succeeded, "", "it failed when it was run last"}}));
  EXPECT_EQ(kinds_of(plan.reasons[2]), (Kinds{upstream_runs}));
}

TEST(Plan, judges_an_aborted_node_by_its_last_success) {
  auto world = chain();
  world.facts.history[1].state = State::aborted;
  EXPECT_TRUE(world.plan().nodes.empty());
  world.facts.history[1].success = nullptr;
  EXPECT_EQ(world.plan().reasons[1], (Reasons{{never_succeeded, "", "it has never succeeded"}}));
}

TEST(Plan, runs_a_changed_definition_and_those_after_it_only_because_it_runs) {
  auto world = chain();
  world.step(1).command.words = {"false"};
  const auto plan = world.plan();
  EXPECT_EQ(plan.nodes, (std::vector<Index>{1, 2}));
  EXPECT_EQ(plan.reasons[1], (Reasons{{definition_changed, "", "its definition changed since run 3"}}));
  EXPECT_EQ(plan.reasons[2], (Reasons{{upstream_runs, "in", "b runs"}}));  // alone: it may be cut off early
}

TEST(Plan, sees_a_changed_script_as_a_changed_definition) {
  World world;
  world.node("a");
  world.step(0).files = {{.path = "/p/count.py"}};
  world.has_file("/p/count.py", "v1");
  world.succeed_all();
  EXPECT_TRUE(world.plan().nodes.empty());
  world.has_file("/p/count.py", "v2");
  EXPECT_EQ(kinds_of(world.plan().reasons[0]), (Kinds{definition_changed}));
}

TEST(Plan, judges_each_node_of_one_step_by_its_own_foreach_values) {
  World world;
  world.node("s[a]");
  world.node("s[b]");
  world.project.nodes[1].step = world.project.nodes[0].step;
  world.project.nodes[0].foreach = {{"x", {"\"a\""}}};
  world.project.nodes[1].foreach = {{"x", {"\"b\""}}};
  world.succeed_all();
  world.project.nodes[1].foreach = {{"x", {"\"c\""}}};
  EXPECT_EQ(world.planned(), (Names{"s[b]"}));
}

TEST(Plan, runs_what_reads_a_changed_file_and_names_it) {
  World world;
  world.node("a", {file("genome", "/p/genome.fa")});
  world.has_file("/p/genome.fa", "ACGT");
  world.succeed_all(3);
  EXPECT_TRUE(world.plan().nodes.empty());
  world.has_file("/p/genome.fa", "ACGA");
  EXPECT_EQ(world.plan().reasons[0], (Reasons{{input_changed, "genome", "/p/genome.fa changed since run 3"}}));
}

TEST(Plan, does_not_run_for_a_file_that_was_only_touched) {
  World world;
  world.node("a", {file("genome", "/p/genome.fa")});
  world.has_file("/p/genome.fa", "ACGT");
  world.succeed_all();
  world.facts.files["/p/genome.fa"].stat = "touched";
  EXPECT_TRUE(world.plan().nodes.empty());
}

TEST(Plan, runs_again_what_read_a_file_that_moved_meanwhile) {
  World world;
  world.node("a", {file("genome", "/p/genome.fa")});
  world.has_file("/p/genome.fa", "ACGT");
  world.succeed(0, 3).key.inputs["genome"] = "";
  EXPECT_EQ(world.plan().reasons[0], (Reasons{{input_changed, "genome", "/p/genome.fa changed while run 3 used it"}}));
}

TEST(Plan, runs_again_what_had_a_script_that_moved_meanwhile) {
  World world;
  world.node("a");
  world.succeed(0).key.definition = "";
  EXPECT_EQ(kinds_of(world.plan().reasons[0]), (Kinds{definition_changed}));
}

TEST(Plan, runs_what_reads_a_file_that_is_not_there) {
  World world;
  world.node("a", {file("genome", "/p/genome.fa")});
  world.has_file("/p/genome.fa", "ACGT");
  world.succeed_all();
  world.facts.files.clear();
  EXPECT_EQ(world.plan().reasons[0], (Reasons{{input_changed, "genome", "/p/genome.fa could not be read"}}));
}

TEST(Plan, runs_for_changed_literals_and_parameters) {
  World world;
  world.node("a", {literal("n", "1"), param("p", "ploidy", "2")});
  world.succeed_all(3);
  world.project.nodes[0].inputs = {literal("n", "2"), param("p", "ploidy", "1")};
  EXPECT_EQ(world.plan().reasons[0], (Reasons{{input_changed, "n", "its value changed since run 3"},
                                              {input_changed, "p", "parameter 'ploidy' changed since run 3"}}));
}

TEST(Plan, takes_an_equal_value_for_equal_wherever_it_comes_from) {
  World world;
  world.node("a", {literal("n", "1")});
  world.succeed_all();
  world.project.nodes[0].inputs = {param("n", "count", "1")};
  EXPECT_TRUE(world.plan().nodes.empty());
}

TEST(Plan, runs_for_inputs_that_came_or_went) {
  World world;
  world.node("a", {literal("old", "1"), literal("kept", "1")});
  world.succeed_all(3);
  world.project.nodes[0].inputs = {literal("kept", "1"), literal("new", "1")};
  EXPECT_EQ(world.plan().reasons[0], (Reasons{{input_changed, "new", "it is a new input since run 3"},
                                              {input_changed, "old", "it is no longer an input, as it was in run 3"}}));
}

TEST(Plan, compares_what_an_idle_producer_made_with_what_was_read) {
  auto world = chain();
  world.succeed(0, 4, " of another run");  // a ran again, alone, and made something else
  const auto plan = world.plan();
  EXPECT_EQ(plan.nodes, (std::vector<Index>{1, 2}));
  EXPECT_EQ(plan.reasons[1], (Reasons{{input_changed, "in", "a.v changed since run 3"}}));
  EXPECT_EQ(plan.reasons[2], (Reasons{{upstream_runs, "in", "b runs"}}));
}

TEST(Plan, does_not_run_when_a_producer_ran_again_and_made_the_same) {
  auto world = chain();
  world.succeed(0, 4);
  EXPECT_TRUE(world.plan().nodes.empty());
}

TEST(Plan, does_not_run_when_another_producer_gives_the_same) {
  World world;
  world.node("a");
  world.node("b");
  world.node("c", {from("in", 0)});
  world.succeed_all();
  world.succeed(1).products = world.products_of(0);
  world.project.nodes[2].inputs = {from("in", 1)};
  EXPECT_TRUE(world.plan().nodes.empty());
}

TEST(Plan, compares_a_gathered_list_by_its_elements_and_their_order) {
  World world;
  world.node("a");
  world.node("b");
  world.node("c", {gather("all", {0, 1})});
  world.succeed_all(3);
  EXPECT_TRUE(world.plan().nodes.empty());
  world.project.nodes[2].inputs = {gather("all", {1, 0})};
  EXPECT_EQ(world.plan().reasons[2], (Reasons{{input_changed, "all", "b.v, or one of 1 more, changed since run 3"}}));
  world.project.nodes[2].inputs = {gather("all", {0})};
  EXPECT_EQ(world.plan().reasons[2], (Reasons{{input_changed, "all", "a.v changed since run 3"}}));
}

TEST(Plan, names_the_producers_that_run_of_a_gathered_list) {
  World world;
  for (const auto* id : {"s[1]", "s[2]", "s[3]", "s[4]", "s[5]"}) world.node(id);
  world.node("one", {gather("all", {0, 1, 2, 3, 4})});
  world.succeed_all();
  world.facts.history[1] = {};
  EXPECT_EQ(world.plan().reasons[5], (Reasons{{upstream_runs, "all", "s[2] runs"}}));
  world.facts.history[3] = {};
  EXPECT_EQ(world.plan().reasons[5], (Reasons{{upstream_runs, "all", "s[2] and s[4] run"}}));
  for (Index i = 0; i < 5; ++i) world.facts.history[i] = {};
  EXPECT_EQ(world.plan().reasons[5], (Reasons{{upstream_runs, "all", "s[1], s[2], s[3] and 2 more run"}}));
}

TEST(Plan, runs_for_outputs_that_are_missing_or_changed_and_names_the_path) {
  World world;
  world.file_node("a");
  world.step(0).outputs.push_back({.port = "g", .kind = OutputKind::directory, .name = "g"});
  world.succeed_all(3);
  world.facts.outputs = {{{0, "f"}, OutputStatus::missing}, {{0, "g"}, OutputStatus::changed}};
  EXPECT_EQ(world.plan().reasons[0],
            (Reasons{{output_missing, "f", "/out/a.f is missing"}, {output_changed, "g", "/out/a.g is not what run 3 made"}}));
  world.facts.outputs = {{{0, "f"}, OutputStatus::good}, {{0, "g"}, OutputStatus::good}};
  EXPECT_TRUE(world.plan().nodes.empty());
}

TEST(Plan, runs_consumers_of_a_missing_output_only_because_it_is_made_again) {
  World world;
  world.file_node("a");
  world.node("b", {from("in", 0, "f")});
  world.succeed_all();
  world.facts.outputs = {{{0, "f"}, OutputStatus::missing}};
  EXPECT_EQ(kinds_of(world.plan().reasons[1]), (Kinds{upstream_runs}));
}

TEST(Plan, does_not_run_a_node_because_one_that_it_only_follows_runs) {
  World world;
  world.node("qc");
  world.node("count");
  world.project.nodes[1].after = {0};
  world.succeed_all();
  world.facts.history[0] = {};
  EXPECT_EQ(world.planned(), (Names{"qc"}));
}

TEST(Plan, orders_what_only_follows) {
  World world;
  world.node("count");
  world.node("qc");
  world.project.nodes[0].after = {1};
  EXPECT_EQ(world.planned(), (Names{"qc", "count"}));
}

TEST(Plan, always_runs_what_is_not_cached) {
  auto world = chain();
  world.step(1).cache = false;
  const auto plan = world.plan();
  EXPECT_EQ(plan.reasons[1], (Reasons{{not_cached, "", "'cache: false': it always runs"}}));
  EXPECT_EQ(kinds_of(plan.reasons[2]), (Kinds{upstream_runs}));
}

TEST(Plan, gives_all_reasons_of_a_node) {
  World world;
  world.node("up");
  world.file_node("a", {from("in", 0), file("genome", "/p/genome.fa"), literal("n", "1")});
  world.has_file("/p/genome.fa", "ACGT");
  world.succeed_all();
  world.facts.history[0] = {};
  world.facts.history[1].state = State::failed;
  world.has_file("/p/genome.fa", "ACGA");
  world.project.nodes[1].inputs[2] = literal("n", "2");
  world.step(1).command.words = {"false"};
  world.step(1).cache = false;
  world.facts.outputs = {{{1, "f"}, OutputStatus::missing}};
  EXPECT_EQ(kinds_of(world.plan({.force = true}).reasons[1]),
            (Kinds{never_succeeded, definition_changed, input_changed, input_changed, output_missing, upstream_runs, forced,
                   not_cached}));
}

// ---- what is selected, what is forced ------------------------------------------------------------------------------------

TEST(PlanSelection, brings_those_of_its_ancestors_that_must_run) {
  World world;
  world.node("a");
  world.node("b", {from("in", 0)});
  world.node("c", {from("in", 1)});
  world.node("other");
  world.succeed(0);
  EXPECT_EQ(world.planned({.nodes = {1}}), (Names{"b"}));
  world.facts.history[0] = {};
  EXPECT_EQ(world.planned({.nodes = {1}}), (Names{"a", "b"}));
}

TEST(PlanSelection, of_what_is_up_to_date_is_empty) {
  auto world = chain();
  world.facts.history[2] = {};
  EXPECT_TRUE(world.planned({.nodes = {1}}).empty());
  EXPECT_TRUE(world.plan({.nodes = {1}}).reasons[2].empty());
}

TEST(PlanSelection, brings_what_it_only_follows_as_well) {
  World world;
  world.node("qc");
  world.node("count");
  world.project.nodes[1].after = {0};
  EXPECT_EQ(world.planned({.nodes = {1}}), (Names{"qc", "count"}));
}

TEST(PlanForce, runs_all) {
  const auto world = chain();
  const auto plan = world.plan({.force = true});
  EXPECT_EQ(plan.nodes, (std::vector<Index>{0, 1, 2}));
  EXPECT_EQ(plan.reasons[0], (Reasons{{forced, "", "it was asked for with --force"}}));
  EXPECT_EQ(kinds_of(plan.reasons[1]), (Kinds{upstream_runs, forced}));
}

TEST(PlanForce, with_a_selection_forces_that_alone) {
  const auto world = chain();
  EXPECT_EQ(world.planned({.nodes = {1}, .force = true}), (Names{"b"}));
  EXPECT_EQ(world.planned({.nodes = {0, 2}, .force = true}), (Names{"a", "b", "c"}));  // b lies between: its producer runs
}

// ---- keys ------------------------------------------------------------------------------------------------------------------

TEST(PlanKeys, are_complete_but_for_what_is_made_in_this_run) {
  World world;
  world.node("a");
  world.node("b");
  world.node("c", {from("x", 0), from("y", 1), literal("n", "abc"), file("g", "/p/g"), gather("all", {0, 1})});
  world.has_file("/p/g", "abc");
  world.succeed(0);
  const auto abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  const auto plan = world.plan();
  EXPECT_EQ(plan.keys[2].inputs,
            (std::map<std::string, std::string>{{"x", sha256("\"a.v\"")}, {"y", ""}, {"n", abc}, {"g", abc}, {"all", ""}}));
  EXPECT_EQ(plan.keys[2].definition, definition_digest(world.project.nodes[2], {}));
}

TEST(PlanKeys, of_what_is_up_to_date_are_those_of_its_success) {
  const auto world = chain();
  const auto plan = world.plan();
  for (Index i = 0; i < 3; ++i) EXPECT_EQ(plan.keys[i], world.facts.history[i].success->key) << i;
}

TEST(PlanSimulated, does_not_run_again_though_nothing_was_read_or_made) {
  World world;
  world.node("a", {file("g", "/p/g"), literal("n", "1")});
  world.node("b", {from("in", 0)});
  for (Index i = 0; i < 2; ++i) {
    auto success = std::make_shared<Success>();
    success->simulated = true;
    success->key = world.plan().keys[i];
    world.facts.history[i] = {.state = State::success, .success = success};
  }
  EXPECT_EQ(world.facts.history[1].success->key.inputs.at("in"), "");
  EXPECT_TRUE(world.plan().nodes.empty());
  world.project.nodes[0].inputs[1] = literal("n", "2");
  EXPECT_EQ(world.planned(), (Names{"a", "b"}));
}

}  // namespace
}  // namespace baton::core
