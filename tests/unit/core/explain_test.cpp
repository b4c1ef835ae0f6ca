#include "core/explain.hpp"

#include <gtest/gtest.h>

#include "support/projects.hpp"
#include "support/rows.hpp"

namespace baton::core {
namespace {

using namespace std::chrono_literals;

constexpr Instant noon{std::chrono::hours(12)};
constexpr auto later = noon + 90s;

/// t0 -> t1 -> t2 as rows that the test writes; all PUBLISHED at noon.
struct Scene {
  Scene() : definition(test::run_of({{}, {0}, {1}})) {
    for (Index i = 0; i < 3; ++i) tasks.push_back({.task = i, .state_since = noon});
  }
  Lines why(Index task) {
    Run run;
    run.apply(
        {.run = definition->id, .fence = Fence(1), .now = later, .record = record, .definition = definition, .tasks = tasks});
    return explain(run, task, later);
  }
  std::vector<std::string> texts(Index task, Topic topic) {
    std::vector<std::string> found;
    for (const auto& line : why(task)) {
      if (line.topic == topic) found.push_back(line.text);
    }
    return found;
  }
  void succeed(Index i) {
    tasks[i].state = State::success;
    tasks[i].success = std::make_shared<const Success>();
  }
  void start(Index i, State state) {
    tasks[i].state = state;
    tasks[i].attempt = 1;
    tasks[i].job = JobId("job");
  }

  std::shared_ptr<RunDefinition> definition;
  std::vector<TaskRecord> tasks;
  RunRecord record;
};
using Texts = std::vector<std::string>;

TEST(Explain, begins_with_the_state) {
  Scene scene;
  EXPECT_EQ(scene.why(0).front(), (Line{Topic::state, "it has not started, since 1 min 30 s"}));
  scene.start(0, State::pending);
  EXPECT_EQ(scene.why(0).front().text, "its job was handed to the backend 1 min 30 s ago (attempt 1) and has not begun");
  scene.start(0, State::started);
  EXPECT_EQ(scene.why(0).front().text, "it runs, since 1 min 30 s (attempt 1)");
  scene.start(0, State::failed);
  EXPECT_EQ(scene.why(0).front().text, "it failed (attempt 1)");
  scene.succeed(0);
  EXPECT_EQ(scene.why(0).front().text, "it succeeded (attempt 1)");
  scene.tasks[0].reused = true;
  EXPECT_EQ(scene.why(0).front().text, "it was not run: its inputs turned out to be those of its last success");
}

TEST(Explain, says_what_a_task_waits_for) {
  Scene scene;
  EXPECT_EQ(scene.texts(0, Topic::waits), (Texts{"it is ready, and waits for room in the backend"}));
  EXPECT_EQ(scene.texts(1, Topic::waits), (Texts{"it waits for t0 (PUBLISHED)"}));
  scene.start(0, State::started);
  EXPECT_EQ(scene.texts(1, Topic::waits), (Texts{"it waits for t0 (STARTED)"}));
  EXPECT_EQ(scene.texts(0, Topic::waits), Texts{});
  scene.tasks[0].waiting = Waiting::backend;
  EXPECT_EQ(scene.texts(0, Topic::waits), (Texts{"the backend has not answered for its job"}));
  scene.tasks[0].seen = true;
  EXPECT_EQ(scene.texts(0, Topic::waits), (Texts{"its job waits in the backend for its turn"}));
  scene.tasks[0].waiting = Waiting::result;
  EXPECT_EQ(scene.texts(0, Topic::waits), (Texts{"its job has finished, and its result is on the way"}));
}

TEST(Explain, names_three_of_many_that_are_waited_for) {
  Scene scene;
  scene.definition = test::run_of({{}, {}, {}, {}, {}, {0, 1, 2, 3, 4}});
  scene.tasks.clear();
  for (Index i = 0; i < 6; ++i) scene.tasks.push_back({.task = i, .state_since = noon});
  scene.succeed(0);
  scene.start(1, State::started);
  EXPECT_EQ(scene.texts(5, Topic::waits), (Texts{"it waits for t1 (STARTED), t2 (PUBLISHED), t3 (PUBLISHED) and 1 more"}));
}

TEST(Explain, says_when_a_failed_attempt_is_repeated) {
  Scene scene;
  test::step_of(*scene.definition, 0).retries.max = 2;
  scene.tasks[0].attempt = 1;
  scene.tasks[0].failures = 1;
  scene.tasks[0].waiting = Waiting::retry;
  scene.tasks[0].not_before = later + 8s;
  EXPECT_EQ(scene.texts(0, Topic::waits), (Texts{"it is tried again in 8 s (1 of 3 attempts failed)"}));
  scene.tasks[0].not_before = later;
  EXPECT_EQ(scene.texts(0, Topic::waits), (Texts{"it is ready, and waits for room in the backend"}));
}

TEST(Explain, says_that_a_run_is_cancelled_held_or_drained) {
  Scene scene;
  scene.record.desire = Desire::cancel;
  scene.record.desired_at = later - 12s;
  EXPECT_EQ(scene.texts(1, Topic::waits).front(), "the run is being cancelled, since 12 s: it will not start");
  scene.start(0, State::started);
  EXPECT_EQ(scene.texts(0, Topic::waits), (Texts{"the run is being cancelled, since 12 s: its job is stopped"}));
  scene.record = {.held = true};
  EXPECT_EQ(scene.texts(1, Topic::waits).front(), "the run is held, as its passes failed again and again: nothing new starts");
  scene.record = {};
  scene.start(0, State::failed);
  EXPECT_EQ(scene.texts(1, Topic::waits).front(), "t0 failed, so nothing new starts; with -k it would");
  scene.definition->keep_going = true;
  EXPECT_EQ(scene.texts(1, Topic::waits).front(), "it waits for t0 (FAILED)");
}

TEST(Explain, says_why_a_task_was_aborted) {
  Scene scene;
  scene.tasks[2].state = State::aborted;
  EXPECT_EQ(scene.texts(2, Topic::waits), (Texts{"its run ended before it could run"}));
  scene.record.desire = Desire::cancel;
  EXPECT_EQ(scene.texts(2, Topic::waits), (Texts{"the run was cancelled"}));
  scene.start(0, State::failed);
  EXPECT_EQ(scene.texts(2, Topic::waits), (Texts{"it needs what t0 should have made, which failed"}));
  scene.record = {};
  scene.tasks[0].state = State::aborted;
  scene.tasks[1].state = State::aborted;
  scene.start(2, State::failed);
  EXPECT_EQ(scene.texts(1, Topic::waits), (Texts{"t2 failed, and without -k nothing new started"}));
}

TEST(Explain, gives_reasons_errors_command_and_log) {
  Scene scene;
  scene.start(0, State::failed);
  scene.tasks[0].reasons = {{ReasonKind::input_changed, "genome", "/p/g changed since run 3"},
                            {ReasonKind::forced, "", "asked for"}};
  scene.tasks[0].errors = {{.code = "runtime.exit", .what = "it exited with 1"}};
  scene.tasks[0].log = "/state/logs/t0-1";
  auto previous = std::make_shared<Success>();
  previous->attempt = 2;
  previous->iteration = Iteration(3);
  previous->ended = noon;
  scene.definition->tasks[0].previous = previous;
  EXPECT_EQ(scene.texts(0, Topic::reason), (Texts{"input 'genome': /p/g changed since run 3", "asked for"}));
  EXPECT_EQ(scene.texts(0, Topic::error), (Texts{"it exited with 1 [runtime.exit]"}));
  EXPECT_EQ(scene.texts(0, Topic::previous),
            (Texts{"its last success is attempt 2 of run 3, ended 1970-01-01T12:00:00.000000Z"}));
  EXPECT_EQ(scene.texts(0, Topic::command), (Texts{"true"}));
  EXPECT_EQ(scene.texts(0, Topic::log), (Texts{"/state/logs/t0-1"}));
  EXPECT_EQ(scene.texts(1, Topic::previous), (Texts{"no success is recorded"}));
}

TEST(ExplainPlan, says_whether_a_node_would_run_and_why) {
  test::World world;
  world.node("a");
  world.node("b", {test::from("in", 0)});
  world.succeed(0).log = "/state/logs/a";
  const auto lines = explain(world.project, world.facts, world.plan(), 0);
  EXPECT_EQ(lines, (Lines{{Topic::state, "it would not run: it is up to date"},
                          {Topic::previous, "its last success is attempt 1 of run 1, ended 1970-01-01T00:00:00.000000Z"},
                          {Topic::command, "true"},
                          {Topic::log, "/state/logs/a"}}));
  world.step(0).command = {.shell = false, .words = {"echo", "1"}};
  EXPECT_EQ(explain(world.project, world.facts, world.plan(), 1), (Lines{{Topic::state, "it would run"},
                                                                         {Topic::waits, "it would wait for a"},
                                                                         {Topic::reason, "it has never succeeded"},
                                                                         {Topic::reason, "input 'in': a runs"},
                                                                         {Topic::previous, "no success is recorded"},
                                                                         {Topic::command, "true"}}));
  EXPECT_EQ(explain(world.project, world.facts, world.plan({.nodes = {0}}), 1).front().text,
            "it would not run: it was not selected");
}

TEST(Explain, says_of_an_output_that_it_is_one) {
  EXPECT_EQ(to_text(Reason{ReasonKind::output_missing, "bam", "/out/a is missing"}), "output 'bam': /out/a is missing");
  EXPECT_EQ(to_text(Topic::previous), "previous");
}

}  // namespace
}  // namespace baton::core
