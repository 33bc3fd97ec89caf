#include "app/cli.h"

int main(int argc, char** argv) { return drover::app::run_cli(argc, argv); }
