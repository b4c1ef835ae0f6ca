#include "client/patience.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace baton::client {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t no_chance = 0;

TEST(Patience, the_pause_doubles_up_to_its_longest) {
  Patience patience(1, {});
  std::vector<core::Duration> pauses;
  for (int i = 0; i < 7; ++i) pauses.push_back(patience.failed(1s, no_chance).value_or(-1s));
  EXPECT_EQ(pauses, (std::vector<core::Duration>{50ms, 100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}));
}

TEST(Patience, chance_lengthens_a_pause_to_its_double_at_most) {
  for (std::uint64_t chance = 0; chance < 1'000'000; chance += 999) {
    Patience patience(1, {});
    const auto pause = patience.failed(1s, chance);
    ASSERT_TRUE(pause && *pause >= 50ms && *pause <= 100ms) << chance;
  }
}

TEST(Patience, each_server_is_asked_in_turn_and_one_that_answers_again) {
  Patience patience(3, {});
  EXPECT_EQ(patience.server(), 0U);
  ASSERT_TRUE(patience.failed(1s, no_chance).has_value());
  EXPECT_EQ(patience.server(), 1U);
  patience.good();
  EXPECT_EQ(patience.server(), 1U);
  EXPECT_EQ(patience.failed(1s, no_chance), 50ms);
  EXPECT_EQ(patience.failed(1s, no_chance), 50ms) << "the first round over all is a quick one";
  EXPECT_EQ(patience.server(), 0U);
  EXPECT_EQ(patience.failed(1s, no_chance), 50ms);
  EXPECT_EQ(patience.failed(1s, no_chance), 100ms);
}

TEST(Patience, it_ends_a_minute_after_the_first_try_that_failed) {
  Patience patience(1, {});
  patience.tries(10s);
  EXPECT_TRUE(patience.failed(20s, no_chance).has_value());
  patience.tries(30s);
  EXPECT_TRUE(patience.failed(69'900ms, no_chance) <= std::optional<core::Duration>(100ms)) << "the last try is at the end";
  EXPECT_EQ(patience.failed(70s, no_chance), std::nullopt);
}

TEST(Patience, an_answer_begins_it_anew) {
  Patience patience(1, {});
  patience.tries(0s);
  EXPECT_TRUE(patience.failed(59s, no_chance).has_value());
  patience.good();
  EXPECT_EQ(patience.failed(61s, no_chance), 50ms);
  EXPECT_EQ(patience.failed(121s, no_chance), std::nullopt);
}

}  // namespace
}  // namespace baton::client
