#include "formats/nearest.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace baton::formats {
namespace {

constexpr std::array<std::string_view, 4> fields{"run", "inputs", "outputs", "timeout"};

TEST(Nearest, a_slip_finds_the_name) {
  EXPECT_EQ(nearest("outptus", fields), "outputs");
  EXPECT_EQ(nearest("input", fields), "inputs");
  EXPECT_EQ(nearest("Timeout", fields), "timeout");
  EXPECT_EQ(nearest("rn", fields), "run");
}

TEST(Nearest, what_is_like_nothing_finds_nothing) {
  EXPECT_EQ(nearest("banana", fields), std::nullopt);
  EXPECT_EQ(nearest("", fields), std::nullopt);
  EXPECT_EQ(nearest("x", std::array<std::string_view, 1>{"y"}), std::nullopt);
}

TEST(Nearest, of_equals_the_first_is_taken) { EXPECT_EQ(nearest("r3", std::array<std::string_view, 2>{"r1", "r2"}), "r1"); }

TEST(Nearest, a_suggestion_lists_what_is_known) {
  EXPECT_EQ(suggestion("its fields", "outptus", fields), "its fields: run, inputs, outputs, timeout; did you mean 'outputs'?");
  EXPECT_EQ(suggestion("its fields", "banana", fields), "its fields: run, inputs, outputs, timeout");
  EXPECT_EQ(suggestion("its fields", "banana", {}), "");
}

TEST(Nearest, a_long_list_is_cut) {
  const std::vector<std::string_view> many(20, "a");
  EXPECT_EQ(listed(many), "a, a, a, a, a, a, a, a, a, a, a, a, …");
}

TEST(Nearest, quotes_are_fit_for_a_terminal) {
  EXPECT_EQ(quote("é"), "'é'");
  EXPECT_EQ(quote("a\x1B[0m\n"), "'a\\x1B[0m\\x0A'");
  EXPECT_EQ(quote(std::string(79, 'x') + "éé"), "'" + std::string(79, 'x') + "…'");
}

}  // namespace
}  // namespace baton::formats
