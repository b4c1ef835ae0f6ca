#include "scheduling/worker.hpp"

#include <gtest/gtest.h>

#include "house.hpp"
#include "scheduling/names.hpp"

namespace baton {
namespace {

using namespace std::chrono_literals;
using test::House;

TEST(Worker, a_stop_lets_a_pass_that_is_under_way_send_its_jobs) {
  House house;
  auto& replica = house.replica({.manages = false});
  house.fates["t0"].runs = 1h;
  replica.store.commit_takes = 300ms;
  replica.store.before_commit = [&] { replica.worker.stop(); };
  const auto run = house.create({{}});
  replica.worker.wakeups().wake(run, {});

  ASSERT_TRUE(house.until([&] { return replica.served; }, 2s));

  EXPECT_EQ(house.beginnings("t0"), 1) << "what a pass has committed is sent before the backend is closed";
  EXPECT_TRUE(replica.cluster.closed);
}

TEST(Worker, a_pass_that_hangs_in_the_backend_does_not_keep_it_open_for_long) {
  House house;
  auto& replica = house.replica({.manages = false});
  replica.cluster.submit_takes = 1h;
  const auto run = house.create({{}});
  replica.worker.wakeups().wake(run, {});
  ASSERT_TRUE(house.until([&] { return house.task(run, 0).state == core::State::pending; }, 10s));

  replica.worker.stop();

  house.pass_time(4s);
  EXPECT_FALSE(replica.cluster.closed);
  house.pass_time(2s);
  EXPECT_TRUE(replica.cluster.closed);
}

TEST(Worker, a_message_of_a_run_that_is_not_ours_comes_once) {
  House house;
  auto& replica = house.replica({.manages = false});
  replica.store.foreign = true;
  const auto run = house.create({{}});
  const auto published = house.world.look(replica.broker->publish({run}));
  ASSERT_TRUE(published.has_value());

  house.pass_time(1h);

  EXPECT_EQ(replica.store.looks, 1);
  replica.store.foreign = false;  // it was adopted, and that wakes it
  replica.worker.wakeups().wake(run, {});
  ASSERT_TRUE(house.ends(run, 1min));
}

/// The token of the reference (C§2.4) has colons, as ours have.
constexpr auto of_the_reference = "locked since 2026-11-24 12:00:00.000000+00:00 by director-v2 on host";

TEST(Worker, a_lock_that_is_held_by_no_replica_is_waited_for) {
  House house;
  MemoryLock theirs(house.locks, house.runtime, of_the_reference);
  auto& replica = house.replica({.manages = false});
  const auto run = house.create({{}});
  const auto lease = house.world.look(theirs.acquire(run_lock(run), 10s));
  ASSERT_TRUE(lease.has_value());
  replica.worker.wakeups().wake(run, {});

  house.pass_time(9s);

  EXPECT_TRUE(house.locks.is_held(run_lock(run)));
  EXPECT_EQ(replica.store.passes, 0);
  ASSERT_TRUE(house.ends(run, 5s)) << "it is over by itself";
}

TEST(Worker, a_manager_that_is_no_replica_keeps_its_lock) {
  House house;
  MemoryLock theirs(house.locks, house.runtime, of_the_reference);
  const auto lease = house.world.look(theirs.acquire(manager_lock(), 1min));
  ASSERT_TRUE(lease.has_value());
  auto& replica = house.replica();

  house.pass_time(50s);

  EXPECT_EQ(replica.store.dues, 0);
  house.pass_time(20s);
  EXPECT_GT(replica.store.dues, 0);
}

TEST(Worker, progress_that_was_written_is_told) {
  House house;
  auto& replica = house.replica();
  house.fates["t0"].runs = 10s;
  const auto run = house.create({{}});
  replica.worker.wakeups().wake(run, {});

  ASSERT_TRUE(house.ends(run, 1min));

  EXPECT_EQ(replica.progress, (std::vector<std::pair<std::string, double>>{{"t0", 0.5}}));
}

TEST(Worker, what_is_remembered_of_runs_is_bounded_by_their_tasks) {
  const std::vector<std::vector<Index>> ten(10);
  // What a replica has forgotten of a run it reads again whole.
  const auto reads_all_again = [&](std::size_t known_tasks_max) {
    House house;
    auto& replica = house.replica({.manages = false, .known_tasks_max = known_tasks_max});
    for (int i = 0; i < 10; ++i) house.fates["t" + std::to_string(i)].runs = 1h;
    std::vector<core::RunKey> runs;
    for (const auto* project : {"p", "q", "r"}) runs.push_back(house.create(ten, project));
    for (const auto& run : runs) {
      replica.worker.wakeups().wake(run, {});
      house.until([&] { return house.task(run, 9).state == core::State::started; }, 10s);
      house.pass_time(10s);
    }
    std::size_t read = 0;
    replica.store.begun = [&](const core::Ticket& ticket) { read = ticket.tasks.size(); };
    replica.worker.wakeups().wake(runs.front(), {});
    house.pass_time(1s);
    return read == 10;
  };

  EXPECT_FALSE(reads_all_again(30));
  EXPECT_TRUE(reads_all_again(29));
  EXPECT_TRUE(reads_all_again(5)) << "of one run alone there may be more";
}

}  // namespace
}  // namespace baton
