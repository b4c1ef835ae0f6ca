/// What a statement answered: rows, whose columns are read in order.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace baton::postgres {

using Instant = std::chrono::sys_time<std::chrono::microseconds>;

/// One row. Each call takes the next column; a type that the column does not have is a bug and stops the process. NULL reads as zero, false,
/// empty, where it is not asked for by `some_…`.
class Row {
 public:
  Row(const void* result, int row) : result_(result), row_(row) {}
  [[nodiscard]] std::int64_t number();  ///< of any size of integer
  [[nodiscard]] std::int32_t small_number() { return static_cast<std::int32_t>(number()); }
  [[nodiscard]] bool truth();
  [[nodiscard]] double real();
  [[nodiscard]] std::string_view text();  ///< also of enums, json, jsonb; as long as the rows live
  [[nodiscard]] Instant instant();
  [[nodiscard]] std::optional<std::int64_t> some_number();
  [[nodiscard]] std::optional<std::int32_t> some_small_number();
  [[nodiscard]] std::optional<double> some_real();
  [[nodiscard]] std::optional<std::string_view> some_text();
  [[nodiscard]] std::optional<Instant> some_instant();
  void skip() { ++column_; }

 private:
  [[nodiscard]] bool is_null() const;
  [[nodiscard]] std::string_view bytes();
  const void* result_;
  int row_;
  int column_ = 0;
};

class Rows {
 public:
  Rows() = default;
  explicit Rows(std::shared_ptr<const void> result);
  [[nodiscard]] int size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] Row operator[](int row) const { return Row(result_.get(), row); }

  class Iterator {
   public:
    Iterator(const Rows& rows, int row) : rows_(&rows), row_(row) {}
    Row operator*() const { return (*rows_)[row_]; }
    Iterator& operator++() {
      ++row_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return row_ == other.row_; }

   private:
    const Rows* rows_;
    int row_;
  };
  [[nodiscard]] Iterator begin() const { return {*this, 0}; }
  [[nodiscard]] Iterator end() const { return {*this, size_}; }

 private:
  std::shared_ptr<const void> result_;
  int size_ = 0;
};

}  // namespace baton::postgres
