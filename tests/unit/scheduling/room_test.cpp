// R17: a user's tasks are not all in front of everybody, and his runs have their turns.
#include <gtest/gtest.h>

#include "house.hpp"

namespace baton {
namespace {

using namespace std::chrono_literals;
using test::House;
using test::Replica;

using Graph = std::vector<std::vector<Index>>;

class RoomTest : public testing::Test {
 protected:
  static constexpr std::uint32_t slots = 2, waiting_max = 2 * slots;

  core::RunKey start(Replica& by, const std::string& project, std::size_t tasks, UserId user = UserId(1)) {
    auto run = house.create(Graph(tasks), project, user);
    by.worker.wakeups().wake(run, {});
    runs.push_back(run);
    return run;
  }
  std::uint32_t waiting(const core::RunKey& run) {
    std::uint32_t count = 0;
    const auto tasks = house.world.look(house.store.tasks(run, Fence::none()));
    for (const auto& task : *tasks)
      if (task.record.state == core::State::pending) ++count;
    return count;
  }
  std::uint32_t waiting_of_all() {
    std::uint32_t count = 0;
    for (const auto& run : runs) count += waiting(run);
    return count;
  }
  bool all_end(core::Duration limit) {
    return house.until([&] { return std::ranges::none_of(runs, [&](const auto& run) { return house.view(run).open; }); }, limit);
  }

  House house{1, slots};
  std::vector<core::RunKey> runs;
};

TEST_F(RoomTest, many_runs_of_one_user_fill_the_backend_no_more_than_one_does) {
  auto& replica = house.replica();
  std::uint32_t most = 0;
  for (int i = 0; i < 6; ++i) house.fates["t" + std::to_string(i)].runs = 100ms;
  for (int i = 0; i < 10; ++i) start(replica, "p" + std::to_string(i), 6);

  EXPECT_TRUE(house.until(
      [&] {
        most = std::max(most, waiting_of_all());
        return std::ranges::none_of(runs, [&](const auto& run) { return house.view(run).open; });
      },
      5s));

  EXPECT_LE(most, waiting_max + replica.options.concurrency);  // what becomes ready in passes under way together
  EXPECT_EQ(house.begun.size(), 60u);
}

TEST_F(RoomTest, large_runs_beside_each_other_leave_each_other_in_peace) {
  auto& replica = house.replica();
  for (int i = 0; i < 100; ++i) house.fates["t" + std::to_string(i)].runs = 1h;
  start(replica, "one", 100);
  start(replica, "two", 100);
  start(replica, "three", 100);
  house.pass_time(30s);
  const auto passes = replica.store.passes;

  house.pass_time(10min);

  EXPECT_EQ(waiting_of_all(), waiting_max);
  EXPECT_LT(replica.store.passes - passes, 20);
}

TEST_F(RoomTest, jobs_that_nothing_can_run_leave_those_behind_them_in_peace) {
  auto& replica = house.replica();
  for (int i = 0; i < 10; ++i) house.fates["t" + std::to_string(i)].lacking = true;
  start(replica, "large", 10);
  start(replica, "small", 1);
  house.pass_time(30s);
  const auto passes = replica.store.passes;

  house.pass_time(3min);

  EXPECT_LT(replica.store.passes - passes, 60);
}

TEST_F(RoomTest, the_machine_is_kept_busy_by_turns) {
  auto& replica = house.replica();
  house.fates["t0"].runs = 1s;
  for (int i = 0; i < 30; ++i) start(replica, "p" + std::to_string(i), 1);
  const auto began = house.world.now();

  ASSERT_TRUE(all_end(1min));

  EXPECT_LT(house.world.now() - began, 20s);  // 15 s is what two slots need
}

TEST_F(RoomTest, a_small_run_does_not_wait_for_the_end_of_a_large_one) {
  auto& replica = house.replica();
  for (int i = 0; i < 100; ++i) house.fates["t" + std::to_string(i)].runs = 1s;
  const auto large = start(replica, "large", 100);
  house.pass_time(5s);
  const auto small = start(replica, "small", 1);

  EXPECT_TRUE(house.ends(small, 15s));

  EXPECT_TRUE(house.view(large).open);
  EXPECT_TRUE(all_end(2min));
}

TEST_F(RoomTest, another_user_has_room_of_his_own) {
  auto& replica = house.replica();
  for (int i = 0; i < 100; ++i) house.fates["t" + std::to_string(i)].runs = 10s;
  start(replica, "large", 100, UserId(1));
  house.pass_time(2s);
  const auto others = start(replica, "p", 1, UserId(2));

  EXPECT_TRUE(house.until([&] { return waiting(others) == 1; }, 1s));
}

TEST_F(RoomTest, turns_are_given_across_replicas) {
  auto& first = house.replica();
  auto& second = house.replica();
  house.fates["t0"].runs = 1s;
  for (int i = 0; i < 20; ++i) start(i % 2 == 0 ? first : second, "p" + std::to_string(i), 1);

  EXPECT_TRUE(all_end(14s));  // 10 s is what two slots need
}

TEST_F(RoomTest, no_turn_is_lost_to_what_a_replica_knew_a_while_ago) {
  auto& first = house.replica({.manages = false});
  auto& second = house.replica({.manages = false});
  for (int i = 0; i < 4; ++i) house.fates["t" + std::to_string(i)].runs = 20ms;
  for (int i = 0; i < 40; ++i) start(i % 2 == 0 ? first : second, "p" + std::to_string(i), 4);

  EXPECT_TRUE(all_end(5s));  // 1.6 s is what two slots need
}

TEST_F(RoomTest, a_turn_that_was_lost_with_its_replica_is_given_by_the_manager) {
  auto& first = house.replica();
  house.fates["t0"].runs = 1s;
  for (int i = 0; i < 10; ++i) start(first, "p" + std::to_string(i), 1);
  first.store.turns_are_lost = true;
  // All that had room has ended, and nobody has been given any.
  house.until([&] { return house.beginnings("t0") >= 4 && waiting_of_all() == 0; }, 10s);
  house.pass_time(2s);
  ASSERT_LT(house.beginnings("t0"), 10);
  first.store.turns_are_lost = false;

  EXPECT_TRUE(all_end(20s));
}

TEST_F(RoomTest, a_run_alone_uses_all_of_it) {
  auto& replica = house.replica();
  for (int i = 0; i < 40; ++i) house.fates["t" + std::to_string(i)].runs = 1s;
  const auto run = start(replica, "p", 40);
  ASSERT_TRUE(house.until([&] { return house.begun.size() >= 4; }, 10s));

  EXPECT_TRUE(house.until([&] { return waiting(run) == waiting_max; }, 2s));
  EXPECT_TRUE(all_end(25s));
}

}  // namespace
}  // namespace baton
