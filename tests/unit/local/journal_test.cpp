#include "backend/local/journal.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace baton::local {
namespace {

class JournalFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/baton-journal-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  std::string path() const { return root_ + "/jobs.log"; }
  std::string text() const {
    std::ifstream file(path(), std::ios::binary);
    std::ostringstream all;
    all << file.rdbuf();
    return std::move(all).str();
  }
  static std::string lines(const std::vector<Record>& records) {
    std::string all;
    for (const auto& record : records) all += line_of(record);
    return all;
  }
  const std::vector<Record> records_{
      BootRecord{"boot"},          BeginRecord{1, 10, "id with blanks\n", std::string("\\ticket \0\n", 10)},
      PidRecord{1, 123, 456, 789}, EndRecord{1, Reason::oom, 137, 9, 20, 30},
      BarredRecord{2, 11, "b"},    DeadRecord{3},
      GoneRecord{{4, 5}, 12}};
  std::string root_;
};

TEST_F(JournalFile, records_are_read_as_they_were_written) {
  const auto read = read_journal(lines(records_));

  EXPECT_EQ(lines(read.records), lines(records_));
  ASSERT_EQ(read.records.size(), records_.size());
  EXPECT_EQ(std::get<BeginRecord>(read.records[1]).id, "id with blanks\n");
  EXPECT_EQ(std::get<BeginRecord>(read.records[1]).ticket, std::string("\\ticket \0\n", 10));
  EXPECT_EQ(read.damaged, 0u);
}

TEST_F(JournalFile, a_torn_end_is_recognised_wherever_it_is_torn) {
  const auto whole = lines(records_);
  const auto before = whole.size() - line_of(records_.back()).size();
  for (auto size = before + 1; size < whole.size(); ++size) {
    const auto read = read_journal(whole.substr(0, size) + std::string(100, '\0'));
    EXPECT_EQ(read.records.size(), records_.size() - 1) << size;
    EXPECT_EQ(read.bytes, before) << size;
    EXPECT_EQ(read.damaged, 1u) << size;
  }
}

TEST_F(JournalFile, a_changed_byte_costs_its_line_alone) {
  const auto whole = lines(records_);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    if (whole[at] == '\n') continue;
    auto changed = whole;
    changed[at] = changed[at] == 'x' ? 'y' : 'x';
    const auto read = read_journal(changed);
    EXPECT_EQ(read.records.size(), records_.size() - 1) << at;
    EXPECT_EQ(read.damaged, 1u) << at;
  }
}

TEST_F(JournalFile, it_goes_on_behind_what_is_there) {
  {
    Journal journal;
    ASSERT_TRUE(journal.open(path()).has_value());
    ASSERT_TRUE(journal.append({records_[0], records_[1]}).has_value());
    EXPECT_GT(std::filesystem::file_size(path()), journal.bytes());  // allocated ahead
  }
  Journal journal;
  const auto past = journal.open(path());
  ASSERT_TRUE(past.has_value());
  EXPECT_EQ(lines(*past), lines({records_[0], records_[1]}));

  ASSERT_TRUE(journal.append({records_[2]}).has_value());

  EXPECT_EQ(lines(read_journal(text()).records), lines({records_[0], records_[1], records_[2]}));
}

TEST_F(JournalFile, it_writes_over_a_torn_end) {
  std::ofstream(path(), std::ios::binary) << line_of(records_[0]) << line_of(records_[1]).substr(0, 30);
  Journal journal;
  ASSERT_TRUE(journal.open(path()).has_value());
  EXPECT_EQ(journal.damaged(), 1u);

  ASSERT_TRUE(journal.append({records_[4]}).has_value());

  const auto read = read_journal(text());
  EXPECT_EQ(lines(read.records), lines({records_[0], records_[4]}));
  EXPECT_EQ(read.damaged, 0u);
}

TEST_F(JournalFile, it_is_replaced_at_once) {
  Journal journal;
  ASSERT_TRUE(journal.open(path()).has_value());
  ASSERT_TRUE(journal.append(records_).has_value());

  ASSERT_TRUE(journal.replace({records_[0], records_[4]}).has_value());
  ASSERT_TRUE(journal.append({records_[6]}).has_value());

  EXPECT_EQ(lines(read_journal(text()).records), lines({records_[0], records_[4], records_[6]}));
}

TEST_F(JournalFile, there_is_room_for_begins_and_a_reserve_for_ends) {
  Journal journal;
  ASSERT_TRUE(journal.open(path()).has_value());

  EXPECT_GT(journal.room(), 0u);
  EXPECT_GE(journal.room(8u << 20), 8u << 20);
  EXPECT_GE(std::filesystem::file_size(path()), (8u << 20) + Journal::reserve_bytes);
}

TEST_F(JournalFile, one_that_cannot_be_opened_says_so) {
  Journal journal;
  const auto past = journal.open(root_ + "/nowhere/jobs.log");

  ASSERT_FALSE(past.has_value());
  EXPECT_EQ(past.error().code, "keeper.journal");
}

}  // namespace
}  // namespace baton::local
