#include "cli/progress.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>

namespace baton::cli {
namespace {

using namespace std::chrono_literals;

class LogFile {
 public:
  explicit LogFile(std::string_view text) {
    std::string name = testing::TempDir() + "/baton-log-XXXXXX";
    ::close(::mkstemp(name.data()));
    path_ = name;
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~LogFile() { ::unlink(path_.c_str()); }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(LastLines, of_a_long_log_the_last_twenty_are_shown) {
  std::string text, expected;
  for (int i = 1; i <= 50; ++i) {
    text += "line " + std::to_string(i) + "\n";
    if (i > 30) expected += "    line " + std::to_string(i) + "\n";
  }

  EXPECT_EQ(last_lines(LogFile(text).path()), expected);
}

TEST(LastLines, a_short_log_is_shown_whole_with_or_without_an_end) {
  EXPECT_EQ(last_lines(LogFile("one\n\ntwo").path()), "    one\n    \n    two\n");
  EXPECT_EQ(last_lines(LogFile("one\n\n\n").path()), "    one\n");
  EXPECT_EQ(last_lines(LogFile("").path()), "");
  EXPECT_EQ(last_lines("/nowhere/at/all"), "");
}

TEST(LastLines, one_endless_line_is_cut) {
  EXPECT_EQ(last_lines(LogFile(std::string(1 << 20, 'x')).path()).size(), 16U * 1024 + 5);
}

TaskView task(Index index, const char* node, core::State state) {
  TaskView view{.node = NodeId(node)};
  view.record.task = index;
  view.record.state = state;
  return view;
}

TEST(Progress, results_are_what_a_success_has_published) {
  Terminal terminal;
  Progress progress(terminal);
  auto counted = task(0, "count", core::State::success);
  counted.record.success = std::make_shared<core::Success>(core::Success{.products = {{"total", core::Value{"3"}}}});
  progress.show({counted}, {});
  EXPECT_FALSE(progress.has_results());

  auto sorted = task(1, "sort", core::State::success);
  sorted.record.success = std::make_shared<core::Success>(core::Success{.products = {{"table", core::Stamp{.path = "/out/t"}}}});
  progress.show({sorted}, {});
  EXPECT_TRUE(progress.has_results());
}

TEST(Progress, each_end_is_told_once_and_what_had_ended_before_is_not) {
  Terminal terminal;
  Progress progress(terminal);
  const core::Instant now{1000s};

  testing::internal::CaptureStderr();
  progress.show({task(0, "a", core::State::success), task(1, "b", core::State::started), task(2, "c", core::State::published)},
                now);
  progress.show({task(1, "b", core::State::success)}, now);
  progress.show({task(1, "b", core::State::success), task(2, "c", core::State::started)}, now);

  EXPECT_EQ(testing::internal::GetCapturedStderr(), "[2/3] b\n");
  EXPECT_EQ(progress.count(core::State::success), 2U);
  EXPECT_EQ(progress.total(), 3U);
}

TEST(Progress, what_runs_for_long_is_told_every_ten_seconds) {
  Terminal terminal;
  Progress progress(terminal);
  const core::Instant begun{1000s};
  auto running = task(0, "slow", core::State::started);
  running.record.started = begun;
  running.progress = 0.25;

  testing::internal::CaptureStderr();
  progress.show({running}, begun);
  progress.show({}, begun + 9s);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  testing::internal::CaptureStderr();
  progress.show({}, begun + 12s);
  progress.show({}, begun + 13s);
  progress.show({}, begun + 22s);

  EXPECT_EQ(testing::internal::GetCapturedStderr(), "[0/1] 1 runs on: slow (12 s, 25 %)\n[0/1] 1 runs on: slow (22 s, 25 %)\n");
}

}  // namespace
}  // namespace baton::cli
