#include "amqp/confirms.hpp"

#include <gtest/gtest.h>

#include "amqp/client.hpp"

namespace baton::amqp::test {
namespace {

TEST(Confirms, a_batch_is_done_when_each_of_it_was_confirmed) {
  Confirms confirms;
  const auto one = std::make_shared<Batch>(), two = std::make_shared<Batch>();
  for (const auto tag : {1u, 2u, 4u}) confirms.sent(tag, one);
  for (const auto tag : {3u, 5u}) confirms.sent(tag, two);

  confirms.confirmed(2, false, true);
  EXPECT_FALSE(one->is_done());
  confirms.confirmed(4, true, true);
  EXPECT_TRUE(one->is_done());
  EXPECT_FALSE(two->is_done());
  EXPECT_EQ(confirms.size(), 1u);
  confirms.confirmed(5, false, false);
  EXPECT_TRUE(two->is_done());
  EXPECT_EQ(one->refused, 0u);
  EXPECT_EQ(two->refused, 1u);
}

TEST(Confirms, a_tag_that_is_not_known_changes_nothing) {
  Confirms confirms;
  const auto batch = std::make_shared<Batch>();
  confirms.sent(5, batch);
  confirms.confirmed(4, false, true);
  confirms.confirmed(4, true, true);
  confirms.confirmed(6, false, true);
  confirms.returned(9);
  EXPECT_EQ(batch->open, 1u);
  EXPECT_EQ(batch->returned, 0u);
  confirms.returned(5);
  confirms.confirmed(7, true, true);
  EXPECT_TRUE(batch->is_done());
  EXPECT_EQ(batch->returned, 1u);
}

TEST(Confirms, what_is_open_when_the_channel_goes_is_lost) {
  Confirms confirms;
  const auto batch = std::make_shared<Batch>();
  confirms.sent(1, batch);
  confirms.sent(2, batch);
  confirms.confirmed(1, false, true);
  confirms.lose_all();
  EXPECT_TRUE(batch->is_done());
  EXPECT_TRUE(batch->lost);
  EXPECT_EQ(confirms.size(), 0u);
}

TEST(Pause, doubles_up_to_its_bound_and_is_never_less_than_half) {
  using namespace std::chrono_literals;
  for (std::uint32_t attempt = 0; attempt < 100; ++attempt) {
    const auto whole = std::min(5000ms, 100ms * (1 << std::min(attempt, 10u)));
    for (const auto chance : {std::uint64_t{0}, std::uint64_t{12345}, ~std::uint64_t{0}}) {
      const auto pause = pause_before(attempt, 100ms, 5000ms, chance);
      EXPECT_GE(pause, whole / 2);
      EXPECT_LE(pause, whole);
    }
  }
  EXPECT_EQ(pause_before(0, 100ms, 5000ms, 0), 50ms);
  EXPECT_EQ(pause_before(3, 100ms, 5000ms, 0), 400ms);
  EXPECT_EQ(pause_before(60, 100ms, 5000ms, 2500), 5000ms);
}

}  // namespace
}  // namespace baton::amqp::test
