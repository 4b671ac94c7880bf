#pragma once
#include <descent/pictures/draw.h>
#include <descent/pictures/draw_study.h>
#include <descent/pictures/files/page.h>
