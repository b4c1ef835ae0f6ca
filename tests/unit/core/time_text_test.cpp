#include "core/time_text.hpp"

#include <gtest/gtest.h>

namespace baton::core {
namespace {

using namespace std::chrono_literals;

TEST(TimeText, is_iso_8601_with_microseconds_in_utc) {
  using namespace std::chrono;
  EXPECT_EQ(to_text(Instant{}), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(to_text(Instant(sys_days(2026y / 1 / 2)) + 3h + 4min + 5s + 6us), "2026-01-02T03:04:05.000006Z");
  EXPECT_EQ(to_text(Instant(sys_days(2024y / 2 / 29)) + 23h + 59min + 59s + 999'999us), "2024-02-29T23:59:59.999999Z");
  EXPECT_EQ(to_text(Instant(-1us)), "1969-12-31T23:59:59.999999Z");
}

TEST(TimeText, of_a_duration_has_two_units_at_most) {
  EXPECT_EQ(to_text(Duration(0)), "0 ms");
  EXPECT_EQ(to_text(Duration(-5s)), "0 ms");
  EXPECT_EQ(to_text(Duration(999us)), "0 ms");
  EXPECT_EQ(to_text(Duration(340ms)), "340 ms");
  EXPECT_EQ(to_text(Duration(12s + 340ms)), "12 s");
  EXPECT_EQ(to_text(Duration(3min)), "3 min");
  EXPECT_EQ(to_text(Duration(3min + 5s)), "3 min 5 s");
  EXPECT_EQ(to_text(Duration(2h + 10min + 59s)), "2 h 10 min");
  EXPECT_EQ(to_text(Duration(2h + 59s)), "2 h");
  EXPECT_EQ(to_text(Duration(100h)), "4 d 4 h");
}

}  // namespace
}  // namespace baton::core
