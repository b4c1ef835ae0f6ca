#include "scheduling/relay.hpp"

#include <gtest/gtest.h>

#include "house.hpp"

namespace baton {
namespace {

using namespace std::chrono_literals;
using test::House;

TEST(Relay, what_is_left_in_the_outbox_is_swept_and_the_run_closes) {
  House house;
  auto& replica = house.replica({.announces = true});
  const auto run = house.create({{}});
  replica.worker.wakeups().wake(run, {});

  ASSERT_TRUE(house.ends(run, 1min));

  EXPECT_GT(replica.events.published, 0);
  EXPECT_TRUE(house.world.look(house.store.outbox({}, 10))->empty());
}

TEST(Relay, a_slow_broker_does_not_delay_the_look_for_the_gone) {
  House house;
  auto& sweeps = house.replica({.concurrency = 0});
  auto& dies = house.replica({.manages = false, .announces = true});
  sweeps.events.publish_takes = 1h;
  house.fates["t0"].runs = 10h;
  const auto run = house.create({{}});
  dies.worker.wakeups().wake(run, {});
  ASSERT_TRUE(house.until([&] { return sweeps.events.publishing == 1; }, 1min));
  ASSERT_EQ(house.view(run).follower, ReplicaId(dies.name));

  auto& takes_over = house.replica({.manages = false});
  house.kill(dies);

  EXPECT_TRUE(house.until([&] { return house.view(run).follower == ReplicaId(takes_over.name); }, 2s));
  house.pass_time(1min);
  EXPECT_EQ(sweeps.events.publishing_most, 1) << "one sweep at a time";
  EXPECT_GT(sweeps.store.dues, 10);
}

TEST(Relay, a_sweep_that_failed_is_made_again) {
  House house;
  auto& replica = house.replica({.announces = true});
  replica.events.away = true;
  const auto run = house.create({{}});
  replica.worker.wakeups().wake(run, {});
  ASSERT_TRUE(house.until([&] { return core::is_final(house.view(run).record.result); }, 1min));
  house.pass_time(20s);
  ASSERT_TRUE(house.view(run).open);

  replica.events.away = false;

  EXPECT_TRUE(house.ends(run, 10s));
}

}  // namespace
}  // namespace baton
