// What people see: the runs of a project, and the view of the newest one.
#include "contract/store/fixture.hpp"
#include "store/codec/codec.hpp"

namespace baton::test {
namespace {

TEST_P(StoreContract, runs_come_newest_first_and_at_most_so_many) {
  for (int i = 0; i < 3; ++i) end(create("p"));
  create("q");

  const auto runs = good(store().runs(ProjectId("p"), 2));

  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].key.iteration, Iteration(3));
  EXPECT_EQ(runs[1].key.iteration, Iteration(2));
}

TEST_P(StoreContract, the_nodes_of_a_project_come_in_the_order_of_its_document) {
  auto run = a_run();
  run.tasks.erase(run.tasks.begin());
  run.tasks[0].node.after.clear();
  run.tasks[1].node.after.clear();
  run.project_nodes = {NodeId("c"), NodeId("z"), NodeId("b"), NodeId("a")};
  const auto key = good(store().create_run(run));

  const auto nodes = good(store().nodes(ProjectId("p")));

  ASSERT_EQ(nodes.size(), 4u);
  EXPECT_EQ(nodes[0].node, NodeId("c"));
  EXPECT_EQ(nodes[0].state, State::published);
  EXPECT_EQ(nodes[0].run, view(key).id);
  EXPECT_EQ(nodes[1].node, NodeId("z"));
  EXPECT_EQ(nodes[1].state, State::not_started);
  EXPECT_EQ(nodes[1].run, std::nullopt);
  EXPECT_EQ(nodes[3].node, NodeId("a"));
}

TEST_P(StoreContract, a_commit_moves_the_view_and_keeps_the_success) {
  const auto key = create();
  core::Decision decision;
  decision.tasks = {full_record(0), pending_task(1, "job-1")};
  commit(begin(key), decision);

  const auto nodes = good(store().nodes(ProjectId("p")));

  EXPECT_EQ(nodes[0].state, State::success);
  ASSERT_NE(nodes[0].success, nullptr);
  EXPECT_EQ(store::to_json(*nodes[0].success), store::to_json(full_success()));
  EXPECT_EQ(nodes[0].simulated, nullptr);
  EXPECT_EQ(nodes[1].state, State::pending);
  EXPECT_EQ(nodes[1].success, nullptr);
  EXPECT_EQ(nodes[2].state, State::published);
}

TEST_P(StoreContract, a_success_takes_newer_stamps_while_it_is_the_last_one) {
  const auto key = create();
  core::Decision decision;
  decision.tasks = {full_record(0), full_record(1)};
  commit(begin(key), decision);
  auto newer = std::make_shared<core::Success>(full_success());
  ASSERT_FALSE(newer->stamps.empty());
  newer->stamps[0].stat = "read again";
  newer->stamps[0].settled = true;
  auto of_another_attempt = std::make_shared<core::Success>(*newer);
  ++of_another_attempt->attempt;

  done(store().restamp(ProjectId("p"), {{NodeId("a"), newer}, {NodeId("b"), of_another_attempt}, {NodeId("unknown"), newer}}));

  const auto nodes = good(store().nodes(ProjectId("p")));
  EXPECT_EQ(store::to_json(*nodes[0].success), store::to_json(*newer));
  EXPECT_EQ(nodes[0].state, State::success);
  EXPECT_EQ(store::to_json(*nodes[1].success), store::to_json(full_success()));
  EXPECT_EQ(nodes[2].success, nullptr);
}

TEST_P(StoreContract, a_simulated_success_is_kept_apart) {
  const auto key = create();
  core::Decision decision;
  decision.tasks = {full_record(0, true)};
  commit(begin(key), decision);

  const auto node = good(store().nodes(ProjectId("p")))[0];

  EXPECT_EQ(node.success, nullptr);
  ASSERT_NE(node.simulated, nullptr);
  EXPECT_TRUE(node.simulated->simulated);
}

TEST_P(StoreContract, a_simulated_run_leaves_the_states_of_the_nodes_alone) {
  const auto first = create();
  core::Decision fails;
  fails.tasks = {aborted_task(0), aborted_task(1), aborted_task(2)};
  fails.result = State::aborted;
  commit(begin(first), fails);
  auto pretends = a_run();
  pretends.simulated = true;
  const auto second = good(store().create_run(pretends));
  core::Decision decision;
  decision.tasks = {full_record(0, true)};
  commit(begin(second), decision);

  const auto node = good(store().nodes(ProjectId("p")))[0];

  EXPECT_EQ(node.state, State::aborted);
  EXPECT_EQ(node.success, nullptr);
  EXPECT_NE(node.simulated, nullptr);
}

TEST_P(StoreContract, the_last_success_outlives_later_runs_and_their_failures) {
  const auto first = create();
  core::Decision decision;
  decision.tasks = {full_record(0), aborted_task(1), aborted_task(2)};
  decision.result = State::aborted;
  commit(begin(first), decision);
  const auto second = create();
  core::Decision fails;
  fails.tasks = {aborted_task(0)};
  commit(begin(second), fails);

  const auto node = good(store().nodes(ProjectId("p")))[0];

  EXPECT_EQ(node.state, State::aborted);
  EXPECT_NE(node.success, nullptr);
  EXPECT_EQ(node.run, view(second).id);
}

TEST_P(StoreContract, a_node_that_is_not_selected_keeps_its_state) {
  const auto first = create();
  core::Decision decision;
  decision.tasks = {full_record(0), aborted_task(1), aborted_task(2)};
  decision.result = State::aborted;
  commit(begin(first), decision);
  auto run = a_run();
  run.tasks.erase(run.tasks.begin());
  run.tasks[0].node.after.clear();
  run.tasks[1].node.after.clear();
  good(store().create_run(run));

  const auto nodes = good(store().nodes(ProjectId("p")));

  EXPECT_EQ(nodes[0].node, NodeId("a"));
  EXPECT_EQ(nodes[0].state, State::success);
  EXPECT_EQ(nodes[0].run, view(first).id);
  EXPECT_EQ(nodes[1].state, State::published);
}

TEST_P(StoreContract, a_node_that_left_the_document_leaves_the_view) {
  end(create());
  auto run = a_run();
  run.tasks.pop_back();
  run.project_nodes = {NodeId("b"), NodeId("a")};
  good(store().create_run(run));

  const auto nodes = good(store().nodes(ProjectId("p")));

  ASSERT_EQ(nodes.size(), 2u);
  EXPECT_EQ(nodes[0].node, NodeId("b"));
  EXPECT_EQ(nodes[1].node, NodeId("a"));
}

TEST_P(StoreContract, an_older_run_that_is_still_open_does_not_touch_the_view) {
  const auto old = create();
  core::Decision ends;
  ends.tasks = {aborted_task(0), aborted_task(1), aborted_task(2)};
  ends.attempts = {ended_attempt(0, "job-1", core::Owed::kill)};
  ends.result = State::aborted;
  commit(begin(old), ends);
  const auto newer = create();
  core::Decision writes;
  writes.tasks = {full_record(0)};
  writes.result = State::aborted;

  commit(begin(old), writes);

  const auto node = good(store().nodes(ProjectId("p")))[0];
  EXPECT_EQ(node.state, State::published);
  EXPECT_EQ(node.success, nullptr);
  EXPECT_EQ(node.run, view(newer).id);
}

TEST_P(StoreContract, projects_do_not_see_each_other) {
  const auto key = create("p");
  create("q");
  core::Decision decision;
  decision.tasks = {full_record(0)};
  commit(begin(key), decision);

  EXPECT_EQ(good(store().nodes(ProjectId("q")))[0].state, State::published);
  EXPECT_EQ(good(store().nodes(ProjectId("q")))[0].success, nullptr);
}

}  // namespace
}  // namespace baton::test
