#pragma once
// All checkers, each in a file of its own, where what it holds is said.

#include "world/checker.h"

namespace drover::world {

std::unique_ptr<Checker> make_effects_checker(Verdict& verdict, const Book& book);
std::unique_ptr<Checker> make_answers_checker(Verdict& verdict, const Book& book);
std::unique_ptr<Checker> make_budgets_checker(Verdict& verdict, const Book& book);
std::unique_ptr<Checker> make_waits_checker(Verdict& verdict, const Book& book);
std::unique_ptr<Checker> make_trees_checker(Verdict& verdict, const Book& book);
std::unique_ptr<Checker> make_endings_checker(Verdict& verdict, const Book& book);
std::unique_ptr<Checker> make_reached_counter(Verdict& verdict, const Book& book);

}  // namespace drover::world
