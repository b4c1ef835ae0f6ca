#include "backend/local/progress.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace baton::local {
namespace {

struct Line {
  std::string_view text;
  std::optional<double> progress;
};
// The first eight are the reference's own (C§10.14, SD-2).
constexpr Line lines[] = {
    {"[PROGRESS] .34", 0.34},
    {"PROGRESS: 44 percent done", 0.44},
    {"44 percent done", 0.44},
    {"PROGRESS: 44/150", 44.0 / 150},
    {"[PROGRESS]1.000000", 1.0},
    {"[PROGRESS]: 1% [ 10 / 624 ] Time Update, estimated remaining time 1 seconds @ 26.43 MCells/s", 0.01},
    {"progress: 10/0 of this is a 15% 10/asdf progress", std::nullopt},
    {"any kind of message even with progress inside", std::nullopt},
    {"PROGRESS: 44%", 0.44},
    {"[PROGRESS] 0.3", 0.3},
    {"Progress 0.5", 0.5},
    {"  [progress]: 0.25", 0.25},
    {"PROGRESS: 0", 0.0},
    {"PROGRESS: 100%", 1.0},
    {"44% done", 0.44},
    {"PROGRESS: 101%", std::nullopt},
    {"PROGRESS: 2", std::nullopt},
    {"PROGRESS: 7/5", std::nullopt},
    {"PROGRESS: -1", std::nullopt},
    {"PROGRESS: 0.5abc", std::nullopt},
    {"progressing 0.5", std::nullopt},
    {"progress", std::nullopt},
    {"PROGRESS: .", std::nullopt},
    {"[PROGRESS 0.5", std::nullopt},
    {"0.5", std::nullopt},
    {"10/20 tests passed", std::nullopt},
    {"", std::nullopt},
    {"PROGRESS: 99999999999999999999999999999999/1", std::nullopt},
    {"PROGRESS: nan", std::nullopt},
};

void expect(std::string_view line, std::optional<double> wanted) {
  const auto progress = progress_in(line);
  ASSERT_EQ(progress.has_value(), wanted.has_value()) << line;
  if (wanted) EXPECT_NEAR(*progress, *wanted, 1e-9) << line;
}

TEST(Progress, each_form_is_read) {
  for (const auto& line : lines) expect(line.text, line.progress);
}

TEST(Progress, a_time_may_stand_before_each_form) {
  for (const auto* time : {"2021-12-10T15:54:34.123Z ", "2021-12-10T15:54:34 ", "2021-12-10 15:54:34,5+01:00 "})
    for (const auto& line : lines) expect(std::string(time) + std::string(line.text), line.progress);
}

TEST(Progress, the_last_line_that_tells_any_counts) {
  EXPECT_EQ(last_progress_in("PROGRESS: 10%\nPROGRESS: 20%\nother\n"), 0.2);
  EXPECT_EQ(last_progress_in("10%\r20%\r30%"), 0.3);
  EXPECT_EQ(last_progress_in("nothing\n\n"), std::nullopt);
  EXPECT_EQ(last_progress_in(""), std::nullopt);
}

}  // namespace
}  // namespace baton::local
