// What is known of files is kept as long as it proves something; and an unfinished run is gone on with as long as what it counts on is there.
#include <gtest/gtest.h>

#include "files/memory/memory_files.hpp"
#include "house.hpp"
#include "scheduling/start.hpp"

namespace baton {
namespace {

using namespace std::chrono_literals;
using test::House;
using test::Replica;

/// One step that reads /in and makes /out/a.
class StampsTest : public testing::Test {
 protected:
  StampsTest() {
    auto step = std::make_shared<core::Step>();
    step->name = "a";
    step->command.words = {"true"};
    step->outputs = {{.port = "o", .kind = core::OutputKind::file, .name = "a"}};
    core::Node node{.id = NodeId("a"), .step = step};
    node.inputs = {{"i", core::FileInput{.path = "/in"}}};
    request.project = {.name = "p", .nodes = {node}};
    request.user = UserId(1);
    request.id = ProjectId("p");
    files.write("/in", "in");
    files.write("/out/a", "out");
  }
  Started start() {
    auto started = house.world.look(start_run(replica.runtime, house.store, files, replica.worker.wakeups(), request, {}));
    BATON_ASSERT(started.has_value());
    return std::move(*started);
  }
  /// As its job would have it: read when it ended.
  void succeed(const Started& started) {
    auto ticket = *house.world.look(house.store.begin_pass({.run = *started.run, .replica = ReplicaId("r")}));
    auto success = std::make_shared<core::Success>();
    success->run = ticket.run;
    success->attempt = 1;
    success->key = started.planned.plan.keys[0];
    success->stamps = {started.planned.facts.files.at("/in")};
    success->products = {{"o", stamp("/out/a")}};
    core::Decision decision;
    decision.tasks = {{.task = 0, .state = core::State::success, .attempt = 1, .success = success}};
    decision.result = core::State::success;
    decision.ended = ticket.now;
    ASSERT_TRUE(house.world.look(house.store.commit(ticket, decision)));
  }
  core::Stamp stamp(const std::string& path) {
    std::vector<FileQuery> queries;
    queries.push_back({.path = path, .known = {}});
    return *house.world.look(files.look(std::move(queries))).front();
  }
  std::size_t reads_of_a_start() {
    const auto before = files.reads();
    EXPECT_FALSE(start().run);
    return files.reads() - before;
  }

  House house;
  Replica& replica = house.replica({.manages = false});
  MemoryFiles files;
  Request request;
};

TEST_F(StampsTest, what_was_too_young_when_it_was_read_is_read_once_more_and_never_again) {
  succeed(start());
  EXPECT_EQ(reads_of_a_start(), 2u);  // still too young
  files.advance(3s);
  EXPECT_EQ(reads_of_a_start(), 2u);
  EXPECT_EQ(reads_of_a_start(), 0u);
}

TEST_F(StampsTest, what_was_touched_is_read_once) {
  succeed(start());
  files.advance(3s);
  start();
  files.touch("/in");
  files.touch("/out/a");
  files.advance(3s);
  EXPECT_EQ(reads_of_a_start(), 2u);
  EXPECT_EQ(reads_of_a_start(), 0u);
}

TEST_F(StampsTest, a_file_that_anybody_reads_by_content_is_read_by_content) {
  auto& inputs = request.project.nodes[0].inputs;
  inputs = {{"times", core::FileInput{.path = "/in", .by_stat = true}}, {"i", core::FileInput{.path = "/in"}}};
  succeed(start());
  files.advance(3s);
  files.touch("/in");
  EXPECT_FALSE(start().run);

  files.write("/in", "other");

  EXPECT_TRUE(start().run);
}

TEST_F(StampsTest, a_change_of_content_is_a_change_and_nothing_is_kept_of_it) {
  succeed(start());
  files.advance(3s);
  start();
  files.write("/out/a", "other");
  files.advance(3s);
  const auto started = start();
  ASSERT_TRUE(started.run);
  EXPECT_TRUE(started.planned.restamped.empty());
  EXPECT_EQ(started.planned.plan.reasons[0].front().kind, core::ReasonKind::output_changed);
}

TEST_F(StampsTest, the_same_request_joins_its_run_also_when_the_input_has_gone) {
  request.collection = "collection";
  const auto first = start();
  ASSERT_TRUE(first.run);
  EXPECT_FALSE(first.resumed);
  files.remove("/in");

  const auto again = start();

  EXPECT_TRUE(again.resumed);
  EXPECT_EQ(again.run, first.run);
  request.collection = "another";
  const auto refused = house.world.look(start_run(replica.runtime, house.store, files, replica.worker.wakeups(), request, {}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "input.missing");
}

/// c reads /in; b reads what a and c made, and a nothing.
class UnfinishedTest : public testing::Test {
 protected:
  UnfinishedTest() {
    for (const std::string name : {"a", "c", "b"}) {
      auto step = std::make_shared<core::Step>();
      step->name = name;
      step->command.words = {"true"};
      step->outputs = {{.port = "o", .kind = core::OutputKind::file, .name = name}};
      request.project.nodes.push_back({.id = NodeId(name), .step = step});
      files.write("/out/" + name, name);
    }
    request.project.name = "p";
    request.project.nodes[1].inputs = {{"i", core::FileInput{.path = "/in"}}};
    request.project.nodes[2].inputs = {{"a", core::From{.sources = {{.node = 0, .port = "o"}}}},
                                       {"c", core::From{.sources = {{.node = 1, .port = "o"}}}}};
    request.user = UserId(1);
    request.id = ProjectId("p");
    request.unfinished = Unfinished::refuse;
    files.write("/in", "in");
    succeed_all(start());
    files.write("/in", "other");  // c is to run, and b after it, unless c makes the same again
    unfinished = start();
  }
  Started start() {
    auto started = house.world.look(start_run(replica.runtime, house.store, files, replica.worker.wakeups(), request, {}));
    BATON_ASSERT(started.has_value());
    return std::move(*started);
  }
  std::string refusal() {
    const auto started = house.world.look(start_run(replica.runtime, house.store, files, replica.worker.wakeups(), request, {}));
    return started ? "" : started.error().code;
  }
  void succeed_all(const Started& started) {
    auto ticket = *house.world.look(house.store.begin_pass({.run = *started.run, .replica = ReplicaId("r")}));
    core::Decision decision;
    for (Index i = 0; i < 3; ++i) {
      auto success = std::make_shared<core::Success>();
      success->run = ticket.run;
      success->attempt = 1;
      success->key = started.planned.plan.keys[i];
      std::vector<FileQuery> queries;
      queries.push_back({.path = "/out/" + request.project.nodes[i].id.value(), .known = {}});
      success->products = {{"o", *house.world.look(files.look(std::move(queries))).front()}};
      for (const auto& input : request.project.nodes[i].inputs)
        if (const auto* from = std::get_if<core::From>(&input.source))
          success->key.inputs[input.port] = core::digest_of(decision.tasks[from->sources[0].node].success->products[0]);
      decision.tasks.push_back({.task = i, .state = core::State::success, .attempt = 1, .success = std::move(success)});
    }
    decision.result = core::State::success;
    decision.ended = ticket.now;
    ASSERT_TRUE(house.world.look(house.store.commit(ticket, decision)));
  }

  House house;
  Replica& replica = house.replica({.manages = false});
  MemoryFiles files;
  Request request;
  Started unfinished;
};

TEST_F(UnfinishedTest, goes_on_while_all_that_it_counts_on_is_there) {
  ASSERT_EQ(unfinished.planned.plan.nodes.size(), 2u);
  const auto again = start();
  EXPECT_TRUE(again.resumed);
  EXPECT_EQ(again.run, unfinished.run);
}

TEST_F(UnfinishedTest, goes_on_when_what_is_gone_is_made_again_in_any_case) {
  files.remove("/out/c");
  EXPECT_TRUE(start().resumed);
}

TEST_F(UnfinishedTest, does_not_go_on_from_an_output_that_was_made_before_it_and_is_gone) {
  files.remove("/out/a");
  EXPECT_EQ(refusal(), "run.unfinished");
}

TEST_F(UnfinishedTest, does_not_go_on_from_an_output_that_was_made_before_it_and_changed) {
  files.write("/out/a", "other");
  EXPECT_EQ(refusal(), "run.unfinished");
}

TEST_F(UnfinishedTest, does_not_go_on_to_cut_off_a_task_whose_output_is_gone) {
  files.remove("/out/b");
  EXPECT_EQ(refusal(), "run.unfinished");
}

}  // namespace
}  // namespace baton
