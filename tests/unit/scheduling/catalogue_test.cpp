// What the reference's tests of manager and worker ask for (docs/conformance.md).
#include <gtest/gtest.h>

#include "house.hpp"
#include "scheduling/names.hpp"

namespace baton {
namespace {

using namespace std::chrono_literals;
using test::House;
using test::Replica;

TEST(Catalogue, MG_1_the_manager_looks_at_once_and_then_at_each_interval) {
  House house;
  auto& replica = house.replica();
  house.pass_time(1s);
  EXPECT_EQ(replica.store.dues, 1);
  house.pass_time(20s);
  EXPECT_EQ(replica.store.dues, 5);
}

TEST(Catalogue, MG_2_of_no_runs_nothing_is_published) {
  House house;
  auto& replica = house.replica();
  house.pass_time(1min);
  EXPECT_GT(replica.store.dues, 10);
  EXPECT_EQ(house.published(), 0u);
}

TEST(Catalogue, MG_3_of_five_managers_one_at_a_time_looks) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    House house(seed);
    const auto looking = std::make_shared<int>(0);
    for (int i = 0; i < 5; ++i) {
      auto& replica = house.replica();
      replica.store.looking = looking;
      replica.store.due_takes = 300ms;
    }
    house.pass_time(30s);
    int dues = 0;
    for (const auto& replica : house.replicas) {
      EXPECT_EQ(replica->store.looking_most, 1);
      dues += replica->store.dues;
    }
    EXPECT_GE(dues, 5);
  }
}

TEST(Catalogue, MG_4_a_start_publishes_one_message) {
  House house;
  auto& replica = house.replica({.manages = false});
  house.fates["t0"].runs = 1h;
  const auto run = house.create({{}});
  replica.worker.wakeups().wake(run, {});
  ASSERT_TRUE(house.until([&] { return !house.begun.empty(); }));
  EXPECT_EQ(replica.queue.published, std::vector<core::RunKey>{run});
}

TEST(Catalogue, MG_5_a_look_directly_after_a_start_changes_nothing) {
  House house;
  auto& replica = house.replica({.manages = false});
  house.fates["t0"].runs = 1h;
  const auto run = house.create({{}});
  replica.worker.wakeups().wake(run, {});
  ASSERT_TRUE(house.until([&] { return house.view(run).processed.has_value(); }));
  const auto before = house.view(run);
  const auto due = house.world.look(house.store.due({}, 100));
  EXPECT_TRUE(due->empty());
  EXPECT_EQ(house.view(run).scheduled, before.scheduled);
}

TEST(Catalogue, MG_7_a_stop_is_published_at_once_and_a_look_adds_nothing) {
  House house;
  auto& replica = house.replica({.manages = false});
  house.fates["t0"].runs = 1h;
  const auto run = house.create({{}});
  replica.worker.wakeups().wake(run, {});
  ASSERT_TRUE(house.until([&] { return house.view(run).processed.has_value(); }));
  const auto before = house.view(run);
  replica.store.commit_takes = 1s;  // so that the pass does not come first
  house.stop_the(run, replica);
  ASSERT_TRUE(house.until([&] { return replica.queue.published.size() == 2; }));
  EXPECT_TRUE(house.view(run).record.desired_at.has_value());
  EXPECT_GT(house.view(run).scheduled, before.scheduled);
  EXPECT_TRUE(house.world.look(house.store.due({}, 100))->empty());
}

TEST(Catalogue, MG_8_a_run_whose_message_was_lost_is_published_again_once) {
  House house;
  const auto run = house.create({{}});
  const auto woken = house.world.look(house.store.wake(run, {}));  // and whoever was to publish it has died
  ASSERT_TRUE(woken->publish);
  auto& replica = house.replica();
  ASSERT_TRUE(house.until([&] { return !house.begun.empty(); }, 30s));
  EXPECT_GE(house.begun_at("t0"), 15s) << "a message may be on its way for so long";
  EXPECT_LT(house.begun_at("t0"), 21s);
  EXPECT_EQ(replica.queue.published, std::vector<core::RunKey>{run});
  ASSERT_TRUE(house.ends(run, 30s));
}

TEST(Catalogue, WK_2_a_start_makes_one_pass_of_that_run) {
  House house;
  auto& replica = house.replica({.manages = false});
  house.fates["t0"].queued = 1h;
  const auto run = house.create({{}});
  replica.worker.wakeups().wake(run, {});
  house.pass_time(1s);
  EXPECT_EQ(replica.store.passes, 1);
  EXPECT_EQ(house.view(run).follower, ReplicaId(replica.name));
}

class WorkersOfTheCatalogue : public testing::TestWithParam<std::uint32_t> {};

TEST_P(WorkersOfTheCatalogue, WK_3_as_many_runs_as_there_are_workers_are_visited_at_once) {
  House house;
  auto& replica = house.replica({.manages = false, .concurrency = GetParam()});
  replica.store.commit_takes = 10s;
  for (std::uint32_t i = 0; i < GetParam(); ++i) replica.worker.wakeups().wake(house.create({{}}, "p" + std::to_string(i)), {});
  house.pass_time(5s);
  EXPECT_EQ(replica.store.passes, static_cast<int>(GetParam()));
}
INSTANTIATE_TEST_SUITE_P(, WorkersOfTheCatalogue, testing::Values(1u, 50u, 100u));

TEST(Catalogue, SC_1_a_whole_run_goes_to_its_end_and_every_job_is_released) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    House house(seed);
    auto& replica = house.replica();
    house.fates["t2"].runs = 3s;
    const auto run = house.create({{}, {0}, {}, {1, 2}});
    replica.worker.wakeups().wake(run, {});
    ASSERT_TRUE(house.ends(run, 1min));
    EXPECT_EQ(house.view(run).record.result, core::State::success);
    EXPECT_EQ(house.begun.size(), 4u);
    EXPECT_TRUE(house.cluster.held().empty());
    EXPECT_FALSE(house.locks.is_held(run_lock(run)));
    EXPECT_FALSE(house.broker.holds(run));
  }
}

TEST(Catalogue, SC_2_the_end_of_a_job_wakes_its_run_once) {
  House house;
  auto& replica = house.replica({.manages = false});
  house.fates["t0"].runs = 7s;
  const auto run = house.create({{}});
  replica.worker.wakeups().wake(run, {});
  house.pass_time(6s);
  const auto before = replica.store.wakes;
  ASSERT_TRUE(house.until([&] { return core::is_final(house.view(run).record.result); }));
  EXPECT_EQ(replica.store.wakes, before + 1);
  EXPECT_LT(house.world.now(), 7s + 100ms) << "no tick is waited for";
}

}  // namespace
}  // namespace baton
