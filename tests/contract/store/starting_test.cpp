#include "contract/store/fixture.hpp"
#include "store/codec/codec.hpp"

namespace baton::test {
namespace {

TEST_P(StoreContract, a_new_run_is_open_published_and_unmarked) {
  const auto key = create();

  const auto run = view(key);
  EXPECT_EQ(run.key, key);
  EXPECT_EQ(run.uuid, RunUuid("uuid-1"));
  EXPECT_EQ(run.record.result, State::published);
  EXPECT_EQ(run.record.desire, core::Desire::run);
  EXPECT_EQ(run.record.created, now());
  EXPECT_FALSE(run.record.held);
  EXPECT_TRUE(run.open);
  EXPECT_EQ(run.scheduled, std::nullopt);
  EXPECT_EQ(run.processed, std::nullopt);
  EXPECT_EQ(run.wake_at, std::nullopt);
}

TEST_P(StoreContract, its_tasks_are_published_since_its_creation) {
  const auto tasks = good(store().tasks(create(), Fence::none()));

  ASSERT_EQ(tasks.size(), 3u);
  for (Index i = 0; i < 3; ++i) {
    EXPECT_EQ(tasks[i].record.task, i);
    EXPECT_EQ(tasks[i].record.state, State::published);
    EXPECT_EQ(tasks[i].record.state_since, now());
    EXPECT_EQ(tasks[i].record.attempt, 0);
    EXPECT_EQ(tasks[i].record.job, std::nullopt);
    EXPECT_EQ(tasks[i].record.reasons, core::Reasons{{.kind = core::ReasonKind::never_succeeded}});
    EXPECT_EQ(tasks[i].progress, std::nullopt);
  }
  EXPECT_EQ(tasks[0].node, NodeId("a"));
  EXPECT_EQ(tasks[2].node, NodeId("c"));
}

TEST_P(StoreContract, iterations_count_from_one_for_each_user_and_project) {
  const auto first = create("p");
  EXPECT_EQ(first.iteration, Iteration(1));
  EXPECT_EQ(create("q").iteration, Iteration(1));
  end(first);
  const auto second = create("p");
  EXPECT_EQ(second.iteration, Iteration(2));
  end(second);
  auto of_another = a_run("p");
  of_another.user = UserId(2);

  EXPECT_EQ(good(store().create_run(of_another)).iteration, Iteration(1));
}

TEST_P(StoreContract, a_project_has_at_most_one_unfinished_run) {
  const auto key = create("p");
  auto of_another = a_run("p");
  of_another.user = UserId(2);

  const auto refused = error(store().create_run(of_another));

  EXPECT_EQ(refused.code, "store.run_exists");
  EXPECT_EQ(refused.where, "1:p:1");
  EXPECT_EQ(good(store().runs(ProjectId("p"), 10)).size(), 1u);
  EXPECT_EQ(view(key).record.result, State::published);
}

TEST_P(StoreContract, a_run_that_cannot_be_is_refused_and_leaves_nothing) {
  const auto refused = [this](const std::function<void(NewRun&)>& spoil) {
    auto run = a_run();
    spoil(run);
    return error(store().create_run(std::move(run))).code;
  };

  EXPECT_EQ(refused([](NewRun& run) { run.uuid = RunUuid(); }), "store.bad_run");
  EXPECT_EQ(refused([](NewRun& run) { run.tasks.clear(); }), "store.bad_run");
  EXPECT_EQ(refused([](NewRun& run) { run.tasks[1].node.step = nullptr; }), "store.bad_run");
  EXPECT_EQ(refused([](NewRun& run) { run.tasks[1].node.id = NodeId("a"); }), "store.bad_run");
  EXPECT_EQ(refused([](NewRun& run) { run.tasks[1].node.after = {3}; }), "store.bad_run");
  EXPECT_EQ(refused([](NewRun& run) { run.project_nodes.pop_back(); }), "store.bad_run");
  EXPECT_EQ(refused([](NewRun& run) { run.project_nodes.push_back(NodeId("a")); }), "store.bad_run");
  EXPECT_EQ(refused([](NewRun& run) {
              run.tasks[0].node.inputs = {{.port = "x", .source = core::From{.sources = {{.node = 9, .port = "o"}}}}};
            }),
            "store.bad_run");
  EXPECT_TRUE(good(store().runs(ProjectId("p"), 10)).empty());
  EXPECT_TRUE(good(store().nodes(ProjectId("p"))).empty());
}

TEST_P(StoreContract, a_uuid_is_never_used_twice) {
  end(create("p"));
  auto run = a_run("q");
  run.uuid = RunUuid("uuid-1");

  EXPECT_EQ(error(store().create_run(run)).code, "store.bad_run");
}

TEST_P(StoreContract, a_definition_comes_back_as_it_was_given) {
  NewRun run{.uuid = RunUuid("u"),
             .user = UserId(5),
             .project = ProjectId("p"),
             .request = "digest",
             .keep_going = true,
             .simulated = true};
  run.tasks = {full_task("a"), full_task("b[\"x,y\",1]")};
  run.tasks[1].node.step = run.tasks[0].node.step;
  run.tasks[1].previous = nullptr;
  run.project_nodes = {NodeId("a"), NodeId("b[\"x,y\",1]")};
  const auto key = good(store().create_run(run));

  const auto found = good(store().definition(key));

  EXPECT_EQ(found->key, key);
  EXPECT_EQ(found->uuid, run.uuid);
  EXPECT_EQ(found->request, "digest");
  EXPECT_TRUE(found->keep_going);
  EXPECT_TRUE(found->simulated);
  ASSERT_EQ(found->tasks.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(store::to_json(found->tasks[i], 0), store::to_json(run.tasks[i], 0));
    EXPECT_EQ(*found->tasks[i].node.step, *run.tasks[i].node.step);
  }
  EXPECT_EQ(found->tasks[0].node.step, found->tasks[1].node.step);
}

TEST_P(StoreContract, a_run_that_is_not_there_is_not_found) {
  const RunKey nobody{UserId(1), ProjectId("p"), Iteration(9)};
  create();

  EXPECT_EQ(error(store().wake(nobody, {})).code, "store.not_found");
  EXPECT_EQ(error(store().desire(nobody, core::Desire::cancel)).code, "store.not_found");
  EXPECT_EQ(error(store().begin_pass({.run = nobody})).code, "store.not_found");
  EXPECT_EQ(error(store().run(nobody)).code, "store.not_found");
  EXPECT_EQ(error(store().tasks(nobody, Fence::none())).code, "store.not_found");
  EXPECT_EQ(error(store().attempts(nobody, std::nullopt)).code, "store.not_found");
  EXPECT_EQ(error(store().definition(nobody)).code, "store.not_found");
  EXPECT_TRUE(good(store().runs(ProjectId("unknown"), 10)).empty());
  EXPECT_TRUE(good(store().nodes(ProjectId("unknown"))).empty());
}

}  // namespace
}  // namespace baton::test
