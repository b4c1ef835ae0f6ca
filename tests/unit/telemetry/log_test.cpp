#include "telemetry/log.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/result.hpp"

namespace baton::telemetry {
namespace {

class LogTest : public testing::Test {
 protected:
  Log log(bool json) {
    return Log({.json = json,
                .replica = "r1",
                .clock = [] { return core::Instant(std::chrono::seconds(0)); },
                .out = [this](const std::string& line) { written_ += line; }});
  }
  std::string written_;
};

TEST_F(LogTest, a_line_of_text_names_time_level_event_fields_and_replica) {
  log(false).line(Level::info, "task", {{"run", "1:p:1"}, {"state", "SUCCESS"}});
  EXPECT_EQ(written_, "1970-01-01T00:00:00.000000Z info task run=1:p:1 state=SUCCESS replica=r1\n");
}

TEST_F(LogTest, a_line_of_json_is_an_object) {
  log(true).line(Level::warning, "task", {{"node", "a"}, {"what", "it said \"no\"\n"}});
  const auto line = nlohmann::json::parse(written_);
  EXPECT_EQ(line["level"], "warning");
  EXPECT_EQ(line["event"], "task");
  EXPECT_EQ(line["replica"], "r1");
  EXPECT_EQ(line["what"], "it said \"no\"\n");
}

TEST_F(LogTest, no_text_forges_a_line) {
  const std::string forged = "x\n1970-01-01T00:00:00.000000Z info run run=2:q:1 result=SUCCESS";
  for (const bool json : {false, true}) {
    written_.clear();
    log(json).error(Level::error, "pass", {.code = "pass.threw", .what = forged, .where = "\x1b[2J"});
    EXPECT_EQ(std::ranges::count(written_, '\n'), 1) << written_;
    EXPECT_EQ(written_.find('\x1b'), std::string::npos);
  }
}

}  // namespace
}  // namespace baton::telemetry
