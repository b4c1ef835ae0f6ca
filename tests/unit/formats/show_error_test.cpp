#include "formats/show_error.hpp"

#include <gtest/gtest.h>

#include <string>

namespace baton::formats {
namespace {

Error at(const std::string& where) { return {"input.x", "what", where, ""}; }

/// The line with the carets, from the bar on.
std::string carets(const std::string& where, std::string_view text) {
  const auto shown = show(at(where), text);
  const auto line = shown.find('\n', shown.find('\n') + 1) + 1;
  const auto bar = shown.find("| ", line);
  return shown.substr(bar + 2, shown.find('\n', line) - bar - 2);
}

TEST(ShowError, the_line_the_word_the_way_out_and_the_code_are_shown) {
  const Error error{.code = "input.unknown_port",
                    .what = "'align' reads 'reads.r3', but 'reads' has no output 'r3'",
                    .where = "pipeline.yaml:2:19",
                    .way_out = "'reads' gives: r1, r2; did you mean 'r1'?"};

  EXPECT_EQ(show(error, "align:\n      r1: { from: reads.r3 }\n"),
            "error: 'align' reads 'reads.r3', but 'reads' has no output 'r3'\n"
            "  pipeline.yaml:2:19 |       r1: { from: reads.r3 }\n"
            "                     |                   ^^^^^^^^\n"
            "  'reads' gives: r1, r2; did you mean 'r1'?\n"
            "  Nothing was started.                                                  [input.unknown_port]\n");
}

TEST(ShowError, without_a_place_in_the_document_where_stands_alone) {
  EXPECT_EQ(show(at("--set p"), "a: 1\n"),
            "error: what\n  --set p\n  Nothing was started.                                                  [input.x]\n");
  EXPECT_EQ(show(at(""), "a: 1\n"),
            "error: what\n  Nothing was started.                                                  [input.x]\n");
  EXPECT_EQ(show(at("f:99:1"), "a: 1\n"),
            "error: what\n  f:99:1\n  Nothing was started.                                                  [input.x]\n");
}

TEST(ShowError, the_carets_cover_the_word) {
  EXPECT_EQ(carets("f:1:4", "a: [b, c]"), "   ^^^^^^");
  EXPECT_EQ(carets("f:1:5", "a: [b1, c]"), "    ^^");
  EXPECT_EQ(carets("f:1:4", "a: 'b c' # d"), "   ^^^^^");
  EXPECT_EQ(carets("f:1:1", "key: value"), "^^^");
  EXPECT_EQ(carets("f:1:4", "a: x[*,${foreach.b}].o"), "   ^^^^^^^^^^^^^^^^^^^");
  EXPECT_EQ(carets("f:1:6", "echo ${inputs.a}!"), "     ^^^^^^^^^^^");
  EXPECT_EQ(carets("f:1:9", "a: 1"), "    ^");
}

TEST(ShowError, columns_count_characters) { EXPECT_EQ(carets("f:1:6", "äöü: é"), "     ^"); }

TEST(ShowError, of_a_long_line_the_part_around_the_place_is_shown) {
  const std::string line = std::string(500, 'x') + " y " + std::string(500, 'z');

  const auto shown = show(at("f:1:502"), line);

  EXPECT_NE(shown.find("f:1:502 | …xxx"), std::string::npos);
  EXPECT_NE(shown.find("zzz…\n"), std::string::npos);
  EXPECT_EQ(carets("f:1:502", line), std::string(60, ' ') + "^");
}

TEST(ShowError, what_a_terminal_would_obey_is_not_printed) {
  const auto shown = show(at("f:1:1"), "a\x1B[31m\tb\xFF\xC2\x9B");

  EXPECT_NE(shown.find("a?[31m b??"), std::string::npos);
  EXPECT_EQ(shown.find('\x1B'), std::string::npos);
}

TEST(ShowError, windows_line_ends_are_line_ends) {
  EXPECT_NE(show(at("f:2:1"), "a: 1\r\nb: 2\r\n").find("f:2:1 | b: 2\n"), std::string::npos);
}

}  // namespace
}  // namespace baton::formats
