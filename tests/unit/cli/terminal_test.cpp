#include "cli/terminal.hpp"

#include <gtest/gtest.h>

#include <string>

namespace baton::cli {
namespace {

TEST(Terminal, what_could_command_a_terminal_is_shown_as_question_marks) {
  EXPECT_EQ(printable("a\tb\nc"), "a\tb\nc");
  EXPECT_EQ(printable("\033[31mred\r\a\x7f"), "?[31mred???");
  EXPECT_EQ(printable("größer €𝄞"), "größer €𝄞");
  EXPECT_EQ(printable("\xff\xc3-\xc2\x9b"), std::string(2, '?') + "-" + std::string(2, '?'));
  EXPECT_EQ(printable("cut \xe2\x82"), "cut ??");
}

TEST(Terminal, a_name_begins_no_line_and_no_column) { EXPECT_EQ(printable_name("calls\n\t\033[2Jβ"), "calls???[2Jβ"); }

TEST(Table, columns_stand_below_each_other_by_characters) {
  Table table;
  table.add({"a", "größe", "x"});
  table.add({"long name", "b", "y"});
  table.add({"c"});

  EXPECT_EQ(table.text(), "a          größe  x\nlong name  b      y\nc\n");
}

}  // namespace
}  // namespace baton::cli
