// What is known of files is kept as long as it proves something.
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

}  // namespace
}  // namespace baton
